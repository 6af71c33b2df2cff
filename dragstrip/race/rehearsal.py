"""A race's requests before it is run: shown without being sent, or sent once."""

from __future__ import annotations

import itertools
import json
import shlex
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from dragstrip.config.headers import hidden
from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.untimed import UntimedClient
from dragstrip.race import outlook
from dragstrip.race.setup import bind
from dragstrip.redact import redact
from dragstrip.scenario import targets_of
from dragstrip.scenario.differences import are_comparable, differences, in_words
from dragstrip.scenario.json_diff import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.config.config import Config
    from dragstrip.load.http.untimed import UntimedAnswer
    from dragstrip.scenario import Operation, Reply, Request, Scenario, Target
    from dragstrip.scenario.answer_form import AnswerForm
    from dragstrip.scenario.differences import Place

_BODY_CHARACTERS = 600
_LINES = 16
_COLUMN = 58
_DIFFERENCES = 10


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
    outlook.remote_hosts(config)
    parts, alike = [], True
    for operation in scenario.operations:
        answers = [_answer(scenario, one, operation) for one in targets_of(config).values()]
        text, same = _compared(scenario, operation, answers)
        parts.append(text)
        alike = alike and same
    return RehearsedAnswers("\n\n".join(parts), alike)


def _request_lines(scenario: Scenario, target: Target, operation: Operation) -> Iterator[str]:
    request = scenario.request(target, operation, 0)
    url = redact(f"{target.url}{request.path}")
    yield f"{target.name} ({operation.name}): {request.method} {url}"
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
    answer: UntimedAnswer
    outcome: Outcome
    why: str

    @property
    def target(self) -> Target:
        return self.answer.target

    @property
    def reply(self) -> Reply:
        return self.answer.reply

    @property
    def lines(self) -> list[str]:
        reply = self.reply
        outcome = "right" if self.outcome is Outcome.OK else f"wrong ({self.outcome.name.lower()})"
        return [
            self.target.name,
            redact(f"{self.answer.request.method} {self.target.url}{self.answer.request.path}"),
            f"{reply.status}, {outcome}",
            *([f"redirect to {self.answer.redirect}"] if self.answer.redirect else []),
            f"{reply.content_type or 'no content type'}, {len(reply.body):,} bytes",
            f"{self.answer.elapsed_s * 1000:.1f} ms",
            "",
            *self._body,
        ]

    @property
    def _body(self) -> list[str]:
        text = redact(self.answer.text)
        with suppress(ValueError):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        lines = text.splitlines()
        return lines if len(lines) <= _LINES else [*lines[:_LINES], f"… {len(lines)} lines"]


def _answer(scenario: Scenario, target: Target, operation: Operation) -> _Answer:
    request = scenario.request(target, operation, 0)
    with UntimedClient(target, scenario.config.race) as client:
        answer = client.send(request)
    outcome = Outcome(scenario.check(target, operation)(0, answer.reply))
    why = "" if outcome is Outcome.OK else scenario.explain(operation, 0, answer.reply)
    return _Answer(answer, outcome, why)


def _compared(scenario: Scenario, operation: Operation, answers: list[_Answer]) -> tuple[str, bool]:
    baseline, challenger = answers
    rows = itertools.zip_longest(baseline.lines, challenger.lines, fillvalue="")
    table = "\n".join(f"{_cut(old):<{_COLUMN}}  {_cut(new)}".rstrip() for old, new in rows)
    differences = _differences(scenario.answer_form(operation), answers)
    right = all(one.outcome is Outcome.OK for one in answers)
    found = "\n".join(f"  {redact(line)}" for line in differences or ["none"])
    wrong = "".join(f"\n\n{one.target.name}: {redact(one.why)}" for one in answers if one.why)
    text = f"operation {operation.name}\n\n{table}{wrong}\n\ndifferences:\n{found}"
    return text, right and not differences


def _differences(form: AnswerForm, answers: list[_Answer]) -> list[str]:
    """Return what differs, in lines; nothing where the answers are alike."""
    names = [one.target.name for one in answers]
    replies = [one.reply for one in answers]
    old, new = (form.mark(reply) for reply in replies)
    if isinstance(old, Outcome) or isinstance(new, Outcome):
        # JSON that cannot be read, or is nested too deep: its bytes are all there is to compare.
        is_same = len({(reply.status, reply.body) for reply in replies}) == 1
        return [] if is_same else [in_words(replies, names)]
    if form.compare(old, new) is Outcome.OK:
        return []
    if not are_comparable(replies):
        return [in_words(replies, names)]
    documents = [orjson.loads(reply.body) for reply in replies]
    return _table(names, list(differences(documents[0], documents[1], form)))


def _table(names: list[str], places: list[Place]) -> list[str]:
    rows = [("", *names)]
    rows += [(str(one.path), shown(one.first), shown(one.other)) for one in places[:_DIFFERENCES]]
    cells = [[_cut(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(2)]
    lines = [f"{path:<{widths[0]}}  {old:<{widths[1]}}  {new}" for path, old, new in cells]
    more = len(places) - _DIFFERENCES
    lines += [f"… {more} more"] * (more > 0)
    ignored = dict.fromkeys(str(place.everywhere) for place in places)
    if "$" not in ignored:
        flags = " ".join(f"--ignore {shlex.quote(path)}" for path in ignored)
        lines.append(f"where they may differ, give --same-answers {flags}")
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= _COLUMN else text[: _COLUMN - 1] + "…"
