"""A race's requests before it is run: shown without being sent, or sent once."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dragstrip.config.headers import hidden
from dragstrip.ledger.rows import Outcome
from dragstrip.race.setup import bind
from dragstrip.scenario import targets_of
from dragstrip.scenario.json_diff import ABSENT, first_difference
from dragstrip.scenario.untimed_client import client_of, reply_of, send

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from dragstrip.config.config import Config
    from dragstrip.scenario import Operation, Request, Scenario, Target
    from dragstrip.scenario.json_diff import JsonDifference

_BODY_CHARACTERS = 600
_LINES = 16
_COLUMN = 58
_DIFFERENCES = 5


def shown_requests(config: Config) -> str:
    """Return the first request of each operation to each target; nothing is sent.

    Raises ConfigError.
    """
    config, scenario = bind(config)
    scenario.variables()
    blocks = [
        "\n".join(_request_lines(scenario, target, operation))
        for operation in scenario.operations
        for target in targets_of(config).values()
    ]
    return "\n\n".join(blocks)


@dataclass(frozen=True, slots=True)
class RehearsedAnswers:
    """What both targets answered once, as text, and whether that was right and alike."""

    text: str
    alike: bool


def send_once(config: Config) -> RehearsedAnswers:
    """Send the first request of each operation to each target. Raises DragstripError."""
    config, scenario = bind(config)
    scenario.variables()
    parts, alike = [], True
    for operation in scenario.operations:
        answers = [_answer(scenario, one, operation) for one in targets_of(config).values()]
        text, same = _compared(operation, answers)
        parts.append(text)
        alike = alike and same
    return RehearsedAnswers("\n\n".join(parts), alike)


def _request_lines(scenario: Scenario, target: Target, operation: Operation) -> Iterator[str]:
    request = scenario.request(target, operation, 0)
    yield f"{target.name} ({operation.name}): {request.method} {target.url}{request.path}"
    for name, value in _headers(scenario, request).items():
        yield f"  {name}: {value}"
    if request.body is not None:
        text = request.body.decode(errors="replace")
        rest = len(text) - _BODY_CHARACTERS
        yield ""
        yield (
            "  "
            + text[:_BODY_CHARACTERS].replace("\n", "\n  ")
            + (f"… ({rest:,} more characters)" if rest > 0 else "")
        )


def _headers(scenario: Scenario, request: Request) -> dict[str, str]:
    return hidden(request.headers, frozenset(scenario.secret_headers()))


@dataclass(frozen=True, slots=True)
class _Answer:
    target: Target
    request: Request
    response: httpx.Response
    outcome: Outcome

    @property
    def lines(self) -> list[str]:
        response = self.response
        outcome = "right" if self.outcome is Outcome.OK else f"wrong: {self.outcome.name.lower()}"
        kind = response.headers.get("content-type", "no content type")
        return [
            self.target.name,
            f"{self.request.method} {self.target.url}{self.request.path}",
            f"{response.status_code}, {outcome}",
            f"{kind}, {len(response.content):,} bytes",
            f"{response.elapsed.total_seconds() * 1000:.1f} ms",
            "",
            *self._body,
        ]

    @property
    def _body(self) -> list[str]:
        document = self.document
        text = (
            json.dumps(document, indent=2, ensure_ascii=False)
            if document is not ABSENT
            else self.response.text
        )
        lines = text.splitlines()
        return lines if len(lines) <= _LINES else [*lines[:_LINES], f"… {len(lines)} lines"]

    @property
    def document(self) -> Any:
        """The body as JSON, ABSENT where it is none."""
        try:
            return self.response.json()
        except ValueError:
            return ABSENT


def _answer(scenario: Scenario, target: Target, operation: Operation) -> _Answer:
    request = scenario.request(target, operation, 0)
    with client_of(target, scenario.config.race.timeout) as client:
        response = send(client, target, request)
    reply = reply_of(response)
    outcome = Outcome(scenario.check(target, operation)(0, reply))
    return _Answer(target, request, response, outcome)


def _compared(operation: Operation, answers: list[_Answer]) -> tuple[str, bool]:
    baseline, challenger = answers
    rows = itertools.zip_longest(baseline.lines, challenger.lines, fillvalue="")
    table = "\n".join(f"{_cut(old):<{_COLUMN}}  {_cut(new)}".rstrip() for old, new in rows)
    differences = list(_differences(baseline, challenger))
    right = all(one.outcome is Outcome.OK for one in answers)
    found = "\n".join(f"  {one}" for one in differences) or "  none"
    text = f"operation {operation.name}\n\n{table}\n\ndifferences:\n{found}"
    return text, right and not differences


def _differences(baseline: _Answer, challenger: _Answer) -> Iterator[str]:
    old, new = baseline.response, challenger.response
    names = baseline.target.name, challenger.target.name
    if old.status_code != new.status_code:
        yield f"status: {old.status_code} from {names[0]}, {new.status_code} from {names[1]}"
    if baseline.document is ABSENT or challenger.document is ABSENT:
        if old.content != new.content:
            yield f"the bodies differ at character {_first_unlike(old.text, new.text) + 1:,}"
        return
    for one in itertools.islice(_in_json(baseline.document, challenger.document), _DIFFERENCES):
        values = _value(one.expected), _value(one.found)
        yield f"{one.path}: {values[0]} from {names[0]}, {values[1]} from {names[1]}"


def _in_json(old: Any, new: Any) -> Iterator[JsonDifference]:
    """Yield the first difference of each member."""
    if isinstance(old, dict) and isinstance(new, dict):
        members = [(name, old.get(name, ABSENT), new.get(name, ABSENT)) for name in old | new]
    elif isinstance(old, list) and isinstance(new, list):
        pairs = itertools.zip_longest(old, new, fillvalue=ABSENT)
        members = [(f"[{number}]", *pair) for number, pair in enumerate(pairs)]
    else:
        members = [("", old, new)]
    for path, *values in members:
        difference = first_difference(values[0], values[1], path)
        if difference:
            yield difference


def _first_unlike(old: str, new: str) -> int:
    pairs = enumerate(zip(old, new, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(old), len(new)))


def _value(value: Any) -> str:
    return _cut(repr(value) if value is ABSENT else json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _COLUMN else text[: _COLUMN - 1] + "…"
