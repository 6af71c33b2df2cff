"""What a right answer is: built from the `expect` of an operation, one idea a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError
from dragstrip.ledger.rows import Outcome
from dragstrip.scenario.check import table_bits_for
from dragstrip.scenario.json_path import MalformedPath, parse
from dragstrip.scenario.remembered import Remembered
from scenarios.http.checks.contains import Contains, Matches
from scenarios.http.checks.equals import Equals
from scenarios.http.checks.header import Header
from scenarios.http.checks.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.scenario import Operation, Reply, Target
    from dragstrip.scenario.json_path import JsonPath
    from scenarios.http.checks.expectation import ExpectedAnswer, ExplainedCheck
    from scenarios.http.checks.same import Same
    from scenarios.http.rows import Rows

_OK = int(Outcome.OK)
_REMEMBERED = 100_000


def build(
    expectation: ExpectedAnswer, data: Rows, targets: Sequence[Target], operation: Operation
) -> ExplainedCheck:
    """Return what decides whether an answer is right, for either target.

    Every part must hold, the cheapest first; but for `same`, which `with_same` adds once the
    targets were compared. `data` holds the row of each key. Raises ConfigError naming the field.
    """
    try:
        _check_same(expectation, targets)
        parts = _parts(expectation, data)
    except ConfigError as error:
        raise ConfigError(f"{operation.name}: {error.message}", fix=error.fix) from None
    return parts[0] if len(parts) == 1 else All(parts)


def with_same(check: ExplainedCheck, same: Same) -> ExplainedCheck:
    """Return a target's check that also compares with the other target's answers."""
    return All([check, same])


def _check_same(expectation: ExpectedAnswer, targets: Sequence[Target]) -> None:
    if expectation.same and len(targets) != 2:
        raise ConfigError(
            "expect.same needs two targets to compare",
            fix="configure a baseline and a challenger, or leave same out",
        )
    for path in expectation.ignore:
        if not _path("ignore", path).steps:
            raise ConfigError(
                'expect.ignore: "$" is the whole answer, and nothing would be left to compare',
                fix="leave same out, or name parts of the answer",
            )
    for path in expectation.unordered:
        _path("unordered", path)


class All:
    """Every part must hold; an answer fails for the first that does not."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[ExplainedCheck]) -> None:
        self._parts = tuple(parts)

    def __call__(self, key: int, reply: Reply) -> int:
        """Return the Outcome."""
        for part in self._parts:
            outcome = part(key, reply)
            if outcome != _OK:
                return outcome
        return _OK

    def explain(self, key: int, reply: Reply) -> str:
        """Return what is wrong first."""
        return next(filter(None, (part.explain(key, reply) for part in self._parts)), "")


class Known(Remembered):
    """Checks of the body, together: of bytes that are known for a key, none is asked again."""

    __slots__ = ("explain",)

    def __init__(self, check: ExplainedCheck, keys: int) -> None:
        # Among more keys than these, one hardly ever comes again.
        super().__init__(check, table_bits=table_bits_for(min(keys, _REMEMBERED)))
        self.explain = check.explain


def _parts(expectation: ExpectedAnswer, data: Rows) -> list[ExplainedCheck]:
    parts: list[ExplainedCheck] = [Status(expectation.status)]
    parts += [Header(name, value) for name, value in expectation.header.items()]
    parts += [Contains(text) for text in expectation.contains]
    costly: list[ExplainedCheck] = [Matches(text) for text in expectation.matches]
    if expectation.column is not None:
        path = None if expectation.at is None else _path("at", expectation.at)
        costly.append(Equals(expectation.column, path, data))
    if expectation.schema_file is not None:
        from scenarios.http.checks.json_schema import JsonSchema

        costly.append(JsonSchema(expectation.schema_file))
    if costly:
        parts.append(Known(costly[0] if len(costly) == 1 else All(costly), len(data)))
    return parts


def _path(field: str, text: str) -> JsonPath:
    try:
        return parse(text)
    except MalformedPath as error:
        raise ConfigError(
            f"expect.{field}: {error}",
            fix="write a JSONPath, as in $.timestamp, $.items[*].id or $['a name']",
        ) from None
