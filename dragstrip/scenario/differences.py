"""Where two answers differ: in JSON each place, as a JSONPath, in an order that does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dragstrip.scenario import canonical
from dragstrip.scenario.answer_form import EMPTY, JSON, kind_of
from dragstrip.scenario.json_diff import ABSENT, is_number, shown
from dragstrip.scenario.json_path import EVERY, JsonPath

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragstrip.scenario import Reply
    from dragstrip.scenario.answer_form import AnswerForm
    from dragstrip.scenario.json_path import Step

_AROUND = 24


class Place(NamedTuple):
    """Where two documents differ, and what stands there; one side may be ABSENT."""

    path: JsonPath
    first: Any
    other: Any

    @property
    def everywhere(self) -> JsonPath:
        """The same place in every element of the lists on the way."""
        return JsonPath(tuple(EVERY if isinstance(step, int) else step for step in self.path.steps))


def differences(first: Any, other: Any, form: AnswerForm) -> Iterator[Place]:
    """Yield the places in which two documents differ, as the form compares them.

    Lists of different lengths differ as a whole, for which element is missing cannot be told; and
    so do those that have the same elements in another order.
    """
    yield from _between(form.of(first), form.of(other), form, ())


def are_comparable(replies: Sequence[Reply]) -> bool:
    """Return whether answers differ at most within their JSON: they have one status."""
    same_status = len({reply.status for reply in replies}) == 1
    return same_status and all(kind_of(reply) == JSON for reply in replies)


def in_words(pair: Sequence[Reply], sides: Sequence[str]) -> str:
    """Say how two answers differ that are not comparable, from which side each came."""
    first, other = pair
    if first.status != other.status:
        return f"status {first.status} ({sides[0]}), {other.status} ({sides[1]})"
    kinds = [kind_of(reply) for reply in pair]
    if kinds[0] != kinds[1]:
        types = [
            EMPTY if kind == EMPTY else reply.content_type or "no content type"
            for kind, reply in zip(kinds, pair, strict=True)
        ]
        return f"{types[0]} ({sides[0]}), {types[1]} ({sides[1]})"
    at = next(
        (n for n, (a, b) in enumerate(zip(first.body, other.body, strict=False)) if a != b),
        min(len(first.body), len(other.body)),
    )
    said = [shown(reply.body[at : at + _AROUND].decode(errors="replace")) for reply in pair]
    return f"from byte {at:,} of the body on, {said[0]} ({sides[0]}), {said[1]} ({sides[1]})"


def is_reordered(first: list[Any], other: list[Any]) -> bool:
    """Return whether two lists have the same elements in another order."""
    elements = [list(map(canonical, one)) for one in (first, other)]
    return elements[0] != elements[1] and sorted(elements[0]) == sorted(elements[1])


def _between(first: Any, other: Any, form: AnswerForm, steps: tuple[Step, ...]) -> Iterator[Place]:
    if isinstance(first, dict) and isinstance(other, dict):
        for name in [*first, *(name for name in other if name not in first)]:
            inner = first.get(name, ABSENT), other.get(name, ABSENT)
            yield from _between(*inner, form, (*steps, name))
    elif isinstance(first, list) and isinstance(other, list) and len(first) == len(other):
        pairs = enumerate(zip(first, other, strict=True))
        places = [one for n, pair in pairs for one in _between(*pair, form, (*steps, n))]
        if places and is_reordered(first, other):
            places = [Place(JsonPath(steps), first, other)]
        yield from places
    elif not _is_same(first, other, form):
        yield Place(JsonPath(steps), first, other)


def _is_same(first: Any, other: Any, form: AnswerForm) -> bool:
    if form.tolerance is not None and is_number(first) and is_number(other):
        return form.is_near(first, other)
    # As written: 1, 1.0, true and -0.0 are four different values.
    return repr(first) == repr(other)
