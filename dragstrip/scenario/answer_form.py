"""What of two answers is compared: JSON without what may differ, or all of a text or of bytes."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from dragstrip.ledger.rows import Outcome
from dragstrip.scenario.check import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.scenario import Reply
    from dragstrip.scenario.json_path import JsonPath

JSON, TEXT, BYTES, EMPTY = "JSON", "text", "bytes", "an empty body"

_MARK_BYTES = 16
_ROUNDING = 1e-12
"""So much of itself a number may be off for being a double."""


def kind_of(reply: Reply) -> str:
    """Return as what an answer is compared."""
    if not reply.body:
        # As to HEAD, whatever the content type says.
        return EMPTY
    essence = reply.content_type.partition(";")[0].strip()
    if essence in {"application/json", "text/json"} or essence.endswith("+json"):
        return JSON
    return TEXT if essence.startswith("text/") else BYTES


class Mark(NamedTuple):
    """An answer without its content: a keyed hash, and the numbers where these may differ."""

    kind: str
    status: int
    digest: bytes
    numbers: tuple[float, ...] = ()


class AnswerForm:
    """How answers of one operation are compared.

    What `ignored` leads to is left out, and the order of lists in `unordered` means nothing. With a
    `tolerance`, numbers may differ by so much, and 62 is 62.0; without one, types count.
    """

    __slots__ = ("_key", "_of_numbers", "ignored", "tolerance", "unordered")

    def __init__(
        self,
        key: bytes = b"",
        ignored: Sequence[JsonPath] = (),
        unordered: Sequence[JsonPath] = (),
        tolerance: float | None = None,
    ) -> None:
        self._key = key
        self.ignored = tuple(ignored)
        # What lies deeper is sorted first, so that it stands still when what holds it is sorted.
        self.unordered = tuple(sorted(unordered, key=lambda path: len(path.steps), reverse=True))
        self.tolerance = tolerance

    def of(self, document: Any) -> Any:
        """Return what of a document counts. The document is used up."""
        for path in self.ignored:
            document = path.drop(document)
        for path in self.unordered:
            document = path.replace(document, self._sorted)
        return document

    def mark(self, reply: Reply) -> Mark | Outcome:
        """Return an answer's mark, or what is wrong with it by itself."""
        kind = kind_of(reply)
        if kind is not JSON:
            return Mark(kind, reply.status, self._hash(reply.body))
        try:
            document = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            return Outcome.NOT_JSON
        try:
            document = self.of(document)
            if self.tolerance is None:
                return Mark(kind, reply.status, self._hash(canonical(document)))
            numbers: list[float] = []
            digest = self._hash(canonical(_without_numbers(document, numbers.append)))
        except (orjson.JSONEncodeError, RecursionError):
            # It reads deeper nesting than it writes.
            return Outcome.WRONG_ANSWER
        return Mark(kind, reply.status, digest, tuple(numbers))

    def compare(self, expected: Mark, found: Mark) -> Outcome:
        """Return OK where two answers are alike, else in what they differ."""
        if found.status != expected.status:
            return Outcome.HTTP_STATUS
        if found.kind != expected.kind and EMPTY not in {found.kind, expected.kind}:
            return Outcome.CONTENT_TYPE
        same_text = (found.kind, found.digest) == (expected.kind, expected.digest)
        alike = same_text and all(map(self.is_near, expected.numbers, found.numbers))
        return Outcome.OK if alike else Outcome.WRONG_ANSWER

    def is_near(self, expected: float, found: float) -> bool:
        """Return whether two numbers differ by no more than the tolerance."""
        bound = (self.tolerance or 0) + _ROUNDING * max(abs(expected), abs(found))
        return abs(expected - found) <= bound

    def _hash(self, data: bytes) -> bytes:
        return blake2b(data, digest_size=_MARK_BYTES, key=self._key).digest()

    def _sorted(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        if self.tolerance is None:
            return sorted(value, key=canonical)

        def place(element: Any) -> tuple[bytes, list[float]]:
            numbers: list[float] = []
            return canonical(_without_numbers(element, numbers.append)), numbers

        return sorted(value, key=place)


def _without_numbers(value: Any, take: Callable[[float], None]) -> Any:
    """Return a value with 0 for each number, and hand these over in an order of their places."""
    match value:
        case dict():
            return {name: _without_numbers(value[name], take) for name in sorted(value)}
        case list():
            return [_without_numbers(element, take) for element in value]
        case bool():
            return value
        case int() | float():
            take(float(value))
            return 0
    return value
