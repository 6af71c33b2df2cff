"""The rule that was written down before the run, applied to the interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dragstrip.analysis.gates import details_of, failed_gates, is_safety, says
from dragstrip.analysis.looks import interval_after, level, looks_of, planned
from dragstrip.analysis.operations import decisive, most_failing, only
from dragstrip.analysis.outages import words as outage_words
from dragstrip.analysis.paired_values import by_pair
from dragstrip.analysis.ratio import MIN_PAIRS, MOST_LOG_RATIO, Interval, fewest, pairs_needed
from dragstrip.analysis.secondary import secondary
from dragstrip.analysis.slo import Objective, slice_interval, standing
from dragstrip.run.model import CrossCheck, Dependence, Run, Verdict, VerdictTarget, Word
from dragstrip.stats.bootstrap import RESAMPLES, cross_check
from dragstrip.stats.proportion import Standing, against, clopper_pearson

if TYPE_CHECKING:
    from dragstrip.config.config import RulesConfig
    from dragstrip.run.model import Gate, OperationTotals, TargetTotals
    from dragstrip.stats.autocorrelation import Merged

Requirement = Literal["adopt", "better", "equivalent", "not-worse", "slo"]

_MEETS: dict[Requirement, set[Word]] = {
    "adopt": {"adopt"},
    "better": {"adopt", "better"},
    "equivalent": {"equivalent"},
    "not-worse": {"adopt", "better", "equivalent"},
}


@dataclass(frozen=True, slots=True)
class _Compared:
    """The declared metric's interval and the values it was made from."""

    interval: Interval
    merged: Merged


def judge(run: Run, rules: RulesConfig) -> Verdict:
    """Return the verdict on a run.

    Of several operations it looks at one alone, but for failures: those of any count. Raises
    ConfigError where `rules.operation` is none of them.
    """
    operation = decisive(run.operations, rules.operation)
    whole, run = run, only(run, operation)
    failed = failed_gates(run)
    compared = None if failed else _compare(run, rules)
    targets = _targets(run, rules, is_valid=not failed)
    if failed:
        word, reason = _unsafe(run, failed) or _invalid(run, failed)
    else:
        word, reason = _by_failures(whole, rules) or _decide(
            run, rules, targets, compared.interval if compared else None
        )
    return Verdict(
        verdict=word,
        reason=reason,
        metric=rules.metric,
        operation=operation,
        baseline=run.baseline,
        challenger=run.challenger,
        ratio=compared.interval.ratio if compared else None,
        low=compared.interval.low if compared else None,
        high=compared.interval.high if compared else None,
        pairs=complete_pairs(run),
        pairs_needed=_pairs_needed(whole, rules, compared) if word == "inconclusive" else None,
        minimum_detectable_effect=compared.interval.minimum_detectable_effect if compared else None,
        targets=targets,
        gates=run.gates,
        lab=run.lab,
        closed_model=run.closed_model,
        answers=run.scenario.facts.answers,
        dependence=_dependence(compared.merged) if compared else None,
        cross_check=_cross_check(run, compared.merged) if compared else None,
        secondary=secondary(whole, rules.metric, operation) if not failed else {},
        writes=run.writes,
        looks=looks_of(run, rules.metric) if not failed else [],
    )


def meets(verdict: Verdict, requirement: Requirement, rules: RulesConfig) -> bool | None:
    """Whether a requirement holds; None when the run cannot tell.

    "not-worse" is met as soon as the interval stays below the upper end of the equivalent band, and
    "slo" when the challenger's own interval is within slo_ms, whatever the baseline does.
    """
    if requirement == "slo":
        return _KEEPS[verdict.targets[verdict.challenger].slo]
    if verdict.verdict in _MEETS[requirement]:
        return True
    if verdict.verdict != "inconclusive":
        return False
    not_worse = verdict.high is not None and verdict.high <= rules.equivalent[1]
    return True if requirement == "not-worse" and not_worse and _settled(verdict) else None


_KEEPS = {"met": True, "missed": False, "open": None, None: None}


def complete_pairs(run: Run) -> int:
    """Return how many pairs have both slices."""
    return len(run.slices) // 2


def _settled(verdict: Verdict) -> bool:
    return verdict.reason == _REASONS["inconclusive"]


def _compare(run: Run, rules: RulesConfig) -> _Compared | None:
    found = interval_after(run, rules.metric, complete_pairs(run))
    return found and _Compared(*found)


def _targets(run: Run, rules: RulesConfig, *, is_valid: bool) -> dict[str, VerdictTarget]:
    """Describe both sides; of an invalid run, nothing that would let one of them pass."""
    slices = dict(zip((run.baseline, run.challenger), by_pair(run, rules.metric), strict=True))
    of_look = level(planned(run), complete_pairs(run))
    targets = {}
    for name, total in run.targets.items():
        low, high = clopper_pearson(_failures(total), total.requests, of_look(complete_pairs(run)))
        own = slice_interval(slices[name], of_look) if is_valid else None
        targets[name] = VerdictTarget.model_validate(
            total.model_dump(include=_SHOWN)
            | {
                "error_rate_low": low,
                "error_rate_high": high,
                "low_ms": own[0] if own else None,
                "high_ms": own[1] if own else None,
                "slo": _objective(total, own, rules) if is_valid else None,
            }
        )
    return targets


def _objective(
    total: TargetTotals, own: tuple[float, float] | None, rules: RulesConfig
) -> Objective:
    # Failures rank as slower than anything: with too many, the quantile is beyond every objective.
    if total.quantile_ms(rules.metric) is None:
        return "missed"
    return standing(own, rules.slo_ms)


_SHOWN = set(VerdictTarget.model_fields)


def _failures(total: OperationTotals) -> int:
    return total.requests - total.verified


def _dependence(merged: Merged) -> Dependence:
    return Dependence(
        merged=merged.merged,
        reason=merged.reason,
        resolved=merged.resolved,
        serial_p=merged.before.serial,
        trend_p=merged.before.trend,
    )


def _cross_check(run: Run, merged: Merged) -> CrossCheck | None:
    # Of the few most extreme resamples, the ends of an early look's interval say nothing.
    check = None if planned(run) else cross_check(merged.values, run.seed)
    if check is None or check.high > MOST_LOG_RATIO:
        return None
    return CrossCheck(
        low=math.exp(check.low),
        high=math.exp(check.high),
        agrees=check.agrees,
        resamples=RESAMPLES,
        seed=run.seed,
    )


def _pairs_needed(run: Run, rules: RulesConfig, compared: _Compared | None) -> int | None:
    """Return how many pairs would have settled what is inconclusive; None if unknown or too many.

    Where too many requests fail, pairs until the failures prove it; else until the interval does.
    """
    _, challenger, _ = most_failing(run)
    pairs, limit = complete_pairs(run), rules.max_error_rate
    if challenger.error_rate > limit:
        if _standing(challenger, limit) == "over":
            return None
        failed, due = _failures(challenger) / pairs, challenger.requests / pairs
        return fewest(
            lambda more: against(limit, round(failed * more), round(due * more)) == "over", pairs
        )
    if compared is None:
        return None
    if _by_interval(compared.interval, rules) != "inconclusive":
        # It is the noise floor that leaves it open, and no number of pairs lowers that.
        return None
    values = pairs_needed(compared.interval, lambda one: _by_interval(one, rules) != "inconclusive")
    return values and values * compared.merged.size


def _standing(total: OperationTotals, limit: float) -> Standing:
    return against(limit, _failures(total), total.requests)


def _invalid(run: Run, failed: list[Gate]) -> tuple[Word, str]:
    """Name every gate that failed, with its figure and bound in words."""
    said = (f"{gate.name} ({details_of(gate, run) or says(gate)})" for gate in failed)
    return "invalid", "the run fails " + "; ".join(said)


def _unsafe(run: Run, failed: list[Gate]) -> tuple[Word, str] | None:
    """Return the verdict where a target lost, doubled or hid a write: no speed outweighs that."""
    said = [details_of(gate, run) or says(gate) for gate in failed if is_safety(gate)]
    return ("unsafe", "; ".join(said)) if said else None


def _decide(
    run: Run, rules: RulesConfig, targets: dict[str, VerdictTarget], found: Interval | None
) -> tuple[Word, str]:
    if complete_pairs(run) < MIN_PAIRS:
        return "inconclusive", f"{complete_pairs(run)} pairs; a verdict needs {MIN_PAIRS}"
    if found is None:
        return "inconclusive", f"{rules.metric} does not exist in every slice: too many failures"
    word = _by_interval(found, rules)
    floor = _noise_floor(run, rules)
    if word in _TELL_APART and abs(math.log(found.ratio)) <= math.log1p(floor):
        return "inconclusive", f"a change of less than {floor:.1%} is within the noise floor"
    value, slo = run.targets[run.challenger].quantile_ms(rules.metric), targets[run.challenger].slo
    if word == "adopt" and (slo != "met" or value is None or value > rules.slo_ms):
        may = "may miss" if slo == "open" else "misses"
        return "better", f"{rules.metric} {may} the objective of {rules.slo_ms:g} ms"
    return word, _REASONS[word]


_TELL_APART: set[Word] = {"adopt", "better", "worse"}


def _noise_floor(run: Run, rules: RulesConfig) -> float:
    """Return how far equal targets part on this machine, relative; 0 when unknown.

    The interval allows for what differs from pair to pair. What differs between the sides of a
    whole run, such as where their connections fell, it cannot see; calibration can.
    """
    return run.calibration.noise_floor.get(rules.metric, 0.0) if run.calibration else 0.0


def _by_failures(run: Run, rules: RulesConfig) -> tuple[Word, str] | None:
    """Return the verdict where the challenger's error rate decides it: it cannot win then.

    Where outages count, the baseline cannot win with one of its own either.
    """
    baseline, challenger, operation = most_failing(run)
    limit = rules.max_error_rate
    if challenger.error_rate <= limit:
        return _by_outage_of_baseline(run, rules)
    whose = f"its {operation} requests" if operation else "its requests"
    share = f"{challenger.error_rate:.2%} of {whose} fail" + _outage_of(run, run.challenger)
    if _standing(challenger, limit) == "open":
        return "inconclusive", f"{share}: too few to tell whether more than {limit:g} do"
    if _standing(baseline, limit) == "over":
        return "inconclusive", f"both targets fail: of {run.challenger}, {share}"
    return "worse", f"{share}; max_error_rate is {limit:g}"


def _by_outage_of_baseline(run: Run, rules: RulesConfig) -> tuple[Word, str] | None:
    limit, outage = rules.max_error_rate, _outage_of(run, run.baseline)
    parts = run.targets[run.baseline].operations.values() or [run.targets[run.baseline]]
    baseline = max(parts, key=lambda part: part.error_rate)
    if rules.outages != "count" or not outage or _standing(baseline, limit) != "over":
        return None
    share = f"{baseline.error_rate:.2%} of the requests to {run.baseline} fail{outage}"
    return "better", f"{share}; max_error_rate is {limit:g}"


def _outage_of(run: Run, target: str) -> str:
    found = "; ".join(outage_words(one) for one in run.outages if one.target == target)
    return f" ({found})" if found else ""


def _by_interval(found: Interval, rules: RulesConfig) -> Word:
    low, high = rules.equivalent
    if found.high <= rules.adopt_ratio:
        return "adopt"
    if found.low >= low and found.high <= high:
        return "equivalent"
    if found.high < 1:
        return "better"
    if found.low > 1:
        return "worse"
    return "inconclusive"


_REASONS: dict[Word, str] = {
    "adopt": "the whole interval is at or below adopt_ratio",
    "better": "the whole interval is below 1",
    "equivalent": "the whole interval is inside the equivalent band",
    "worse": "the whole interval is above 1",
    "inconclusive": "the interval leaves it open",
}
