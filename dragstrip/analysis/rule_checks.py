"""The rule of a race taken apart: each clause with its figure, its bound, and whether it holds.

The verdict is what the clauses come to together; here each is looked at by itself, for readers that
list conditions one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dragstrip.analysis import numbers
from dragstrip.analysis.numbers import count
from dragstrip.analysis.operations import declared
from dragstrip.analysis.verdict import meets
from dragstrip.config.config import RulesConfig
from dragstrip.stats.proportion import against

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.analysis.verdict import Requirement
    from dragstrip.run.model import OperationTotals, Run, Verdict, VerdictTarget

State = Literal["holds", "fails", "open"]

_NO_INTERVAL = "there is no interval of the ratio"


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause: its name in [rules], what was found, and what was asked, both in words."""

    name: str
    state: State
    figure: str
    bound: str


def clauses(run: Run, verdict: Verdict, rules: RulesConfig) -> list[Clause]:
    """Return every clause of the rule; none of an invalid run, which proves nothing."""
    if not verdict.compares:
        return []
    return [
        *_errors(run.baseline, run, rules),
        *_errors(run.challenger, run, rules),
        _objective(verdict, rules),
        *_ratio(verdict, rules),
    ]


def rules_of(run: Run) -> RulesConfig:
    """Return the rule that a run was judged by."""
    return RulesConfig.model_validate(run.config["rules"])


def required(verdict: Verdict, requirement: Requirement, rules: RulesConfig) -> State:
    """Tell whether a requirement is met; that of an invalid run never is."""
    if not verdict.compares:
        return "fails"
    met = meets(verdict, requirement, rules)
    return "open" if met is None else "holds" if met else "fails"


def _errors(name: str, run: Run, rules: RulesConfig) -> Iterator[Clause]:
    """Yield a clause for the target, or one for each of its operations where it has several."""
    total = run.targets[name]
    for operation, part in total.operations.items() or [("", total)]:
        yield _error_rate(f"{name} {operation}".rstrip(), part, rules.max_error_rate)


def _error_rate(name: str, total: OperationTotals, limit: float) -> Clause:
    failed = total.requests - total.verified
    state: State = "holds"
    # A rate that is not above the limit passes, proven or not; as in the verdict.
    if total.error_rate > limit:
        state = "fails" if against(limit, failed, total.requests) == "over" else "open"
    return Clause(
        f"max_error_rate of {name}",
        state,
        f"{count(failed)} of {count(total.requests)} requests failed ({total.error_rate:.3%})",
        f"at most {limit:.3%}",
    )


def _objective(verdict: Verdict, rules: RulesConfig) -> Clause:
    side = verdict.targets[verdict.challenger]
    states: dict[str | None, State] = {"met": "holds", "missed": "fails"}
    return Clause(
        f"slo_ms of {verdict.challenger}",
        states.get(side.slo, "open"),
        f"{declared(verdict)} of a typical slice: {_milliseconds(side)}",
        f"the whole interval at most {rules.slo_ms:g} ms",
    )


def _milliseconds(side: VerdictTarget) -> str:
    if side.low_ms is None or side.high_ms is None:
        return "no interval"
    return f"95 % interval {side.low_ms:.3g} to {side.high_ms:.3g} ms"


def _ratio(verdict: Verdict, rules: RulesConfig) -> Iterator[Clause]:
    low, high = rules.equivalent
    bounds = {
        "adopt_ratio": f"the whole interval at most {rules.adopt_ratio:g}",
        "equivalent": f"the whole interval within {low:g} to {high:g}",
    }
    if verdict.ratio is None or verdict.low is None or verdict.high is None:
        for name, bound in bounds.items():
            yield Clause(name, "open", _NO_INTERVAL, bound)
        return
    what = f"{declared(verdict)} {verdict.challenger}/{verdict.baseline}"
    unsaid = numbers.unsaid(verdict.low, verdict.high, verdict.pairs)
    figure = (
        f"{what}: {unsaid}"
        if unsaid
        else f"{what} = {numbers.ratio(verdict.ratio)} "
        f"(95 % interval {numbers.ratios(verdict.low, verdict.high)})"
    )
    adopt = _within(verdict.low, verdict.high, 0, rules.adopt_ratio)
    yield Clause("adopt_ratio", adopt, figure, bounds["adopt_ratio"])
    equivalent = _within(verdict.low, verdict.high, low, high)
    yield Clause("equivalent", equivalent, figure, bounds["equivalent"])


def _within(low: float, high: float, least: float, most: float) -> State:
    """Tell whether all of an interval is inside a band, none of it, or a part."""
    if least <= low and high <= most:
        return "holds"
    return "fails" if high < least or low > most else "open"
