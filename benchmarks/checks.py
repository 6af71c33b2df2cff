"""How many answers a second does one core check?

    python -m benchmarks.checks [--json PATH] [--quick]

A JSON body of 665 bytes, 2,000 keys, no socket. `known` is what a check costs where the same bytes
come again for a key; `in full` where each answer is another one, as with a time in it. Sending and
recording a request costs some 25 µs by itself (benchmarks.speed), which allows 40,000 a second;
`requests_per_s_with_it` is what is left of them with the check.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from benchmarks import form
from dragstrip.ledger.rows import Outcome
from dragstrip.scenario import Reply
from dragstrip.scenario.answer_form import AnswerForm, Mark
from dragstrip.scenario.json_path import parse
from scenarios.http.checks import Known
from scenarios.http.checks.contains import Contains, Matches
from scenarios.http.checks.equals import Equals
from scenarios.http.checks.header import Header
from scenarios.http.checks.json_schema import JsonSchema
from scenarios.http.checks.same import Agreement
from scenarios.http.checks.status import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragstrip.scenario import Check

KEYS = 2000
BODY_BYTES = 665
AT_LEAST_PER_S = 200_000
"""Of known bytes: a fifth of what a request costs anyway, or less."""
REQUEST_S = 25e-6
_VARIANTS = 3
_ROUNDS = 7
_SECRET = b"k" * 32
_HEAD = "".join(
    f"{name}: {value}\r\n"
    for name, value in {
        "http/1.1 200 ok\r\ndate": "thu, 01 jan 2026 00:00:00 gmt",
        "content-type": "application/json",
        "content-length": str(BODY_BYTES),
        "connection": "keep-alive",
        "etag": '"0123456789abcdef"',
        "x-version": "7",
    }.items()
)
_SCHEMA = {
    "type": "object",
    "required": ["at", "id", "name", "items", "note"],
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "$defs": {
        "item": {
            "type": "object",
            "required": ["sku", "quantity"],
            "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer"}},
        }
    },
}


class _Names:
    """The data file's rows: a name for each key."""

    columns = ("name",)

    def __len__(self) -> int:
        return KEYS

    def row(self, key: int) -> Mapping[str, Any]:
        return {"name": f"Customer {key}"}


class CheckCase(NamedTuple):
    """A check, and whether it is asked for known bytes or for other ones each time."""

    name: str
    check: Check
    is_known: bool = True


def answer(key: int, variant: int = 0) -> Reply:
    """Return the answer to a key; variants differ in their time."""
    items = [{"sku": f"sku-{key + n}", "quantity": n} for n in range(8)]
    document = {"at": variant, "id": key, "name": f"Customer {key}", "items": items, "note": ""}
    document["note"] = "x" * (BODY_BYTES - len(orjson.dumps(document)))
    return Reply(200, "application/json", "", orjson.dumps(document), _HEAD)


def cases(folder: Path) -> list[CheckCase]:
    """Return what is measured."""
    schema = folder / "order.schema.json"
    schema.write_text(json.dumps(_SCHEMA))
    equals = Equals("name", parse("$.name"), _Names())
    valid = JsonSchema(schema)
    found = [
        CheckCase("status", Status((200, 201))),
        CheckCase("header", Header("x-version", "7")),
        CheckCase("contains", Contains('"note":"x')),
        CheckCase("matches", Matches(r'"note":"x+"')),
        CheckCase("equals, known", Known(equals, KEYS)),
        CheckCase("equals, in full", equals, is_known=False),
        CheckCase("schema, known", Known(valid, KEYS)),
        CheckCase("schema, in full", valid, is_known=False),
        CheckCase("same, known", _agreement().check(1)),
        CheckCase("same, in full", _agreement().check(1), is_known=False),
        CheckCase("same, in full, with tolerance", _agreement(0.01).check(1), is_known=False),
    ]
    slower = JsonSchema(schema, fast=False)
    return [*found, CheckCase("schema, in full, without jsonschema-rs", slower, is_known=False)]


def _agreement(tolerance: float | None = None) -> Agreement:
    how = AnswerForm(_SECRET, [parse("$.at")], tolerance=tolerance)
    marks = {key: how.mark(answer(key)) for key in range(KEYS)}
    return Agreement(
        how, _SECRET, marks={key: mark for key, mark in marks.items() if isinstance(mark, Mark)}
    )


def rate_per_s(case: CheckCase, answers: Sequence[Sequence[Reply]], at_least_s: float) -> float:
    """Return how many answers a second the check takes. AssertionError for one that it refuses."""
    check, spent_s, count, turn = case.check, 0.0, 0, 0
    while spent_s < at_least_s:
        # Bytes as they come off a socket: never hashed before, and no object that is known.
        replies = [
            reply._replace(body=bytes(bytearray(reply.body)))
            for reply in answers[0 if case.is_known else turn % _VARIANTS]
        ]
        began_s = time.perf_counter()
        outcomes = [check(key, reply) for key, reply in enumerate(replies)]
        spent_s += time.perf_counter() - began_s
        if set(outcomes) != {Outcome.OK}:
            raise AssertionError(f"{case.name} refuses a right answer")
        count, turn = count + len(replies), turn + 1
    return count / spent_s


def main(argv: Sequence[str]) -> int:
    """Measure, print, store; return the exit code."""
    options = form.parser("checks", __doc__).parse_args(argv)
    rounds, at_least_s = (2, 0.05) if options.quick else (_ROUNDS, 0.4)
    answers = [[answer(key, variant) for key in range(KEYS)] for variant in range(_VARIANTS)]
    sizes = {len(reply.body) for replies in answers for reply in replies}
    with tempfile.TemporaryDirectory(prefix="dragstrip-bench-") as folder:
        measured = cases(Path(folder))
    rates: dict[str, list[float]] = {case.name: [] for case in measured}
    for case in measured:
        # Known bytes are learnt before they are timed.
        rate_per_s(case, answers, 1e-9)
        rate_per_s(case, answers, 1e-9)
    # In turns, so that a slow moment of the machine falls on all of them.
    for _ in range(rounds):
        for case in measured:
            rates[case.name].append(rate_per_s(case, answers, at_least_s))
    figures = {
        "body_bytes": sizes.pop() if len(sizes) == 1 else sorted(sizes),
        "rounds": rounds,
        "answers_per_s": {name: _spread(found) for name, found in rates.items()},
        "us_per_answer": {name: _rounded(1e6 / _median(found)) for name, found in rates.items()},
        "requests_per_s_with_it": {
            name: _rounded(1 / (REQUEST_S + 1 / _median(found))) for name, found in rates.items()
        },
    }
    bounds = [
        form.Bound(f"answers per second, {name}", _median(rates[name]), "at least", AT_LEAST_PER_S)
        for name in ("equals, known", "schema, known", "same, known")
    ]
    return form.conclude("checks", argv, bounds, figures, options.json)


def _median(rates: Sequence[float]) -> float:
    return _rounded(statistics.median(rates))


def _spread(rates: Sequence[float]) -> dict[str, float]:
    return {"median": _median(rates), "least": _rounded(min(rates)), "most": _rounded(max(rates))}


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
