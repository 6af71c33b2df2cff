"""The rule that was written down before the run, applied to the interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dragstrip.analyse.model import Run, Verdict, VerdictTarget, Word
from dragstrip.analyse.pairs import MIN_PAIRS, Interval, interval, pairs_needed

if TYPE_CHECKING:
    from dragstrip.config import RulesConfig

Requirement = Literal["adopt", "better", "equivalent", "not-worse"]

_MEETS: dict[Requirement, set[Word]] = {
    "adopt": {"adopt"},
    "better": {"adopt", "better"},
    "equivalent": {"equivalent"},
    "not-worse": {"adopt", "better", "equivalent"},
}


def judge(run: Run, rules: RulesConfig) -> Verdict:
    """Return the verdict on a run."""
    found = _compare(run, rules)
    word, reason = _decide(run, rules, found)
    shown = found if word != "invalid" else None
    needed = None
    if word == "inconclusive" and found:
        needed = pairs_needed(found, lambda one: _by_interval(one, rules) != "inconclusive")
    return Verdict(
        verdict=word,
        reason=reason,
        metric=rules.metric,
        ratio=shown.ratio if shown else None,
        low=shown.low if shown else None,
        high=shown.high if shown else None,
        pairs=complete_pairs(run),
        pairs_needed=needed,
        minimum_detectable_effect=shown.minimum_detectable_effect if shown else None,
        targets={
            name: VerdictTarget.model_validate(total.model_dump(include=_SHOWN))
            for name, total in run.targets.items()
        },
        gates=run.gates,
        lab=run.lab,
    )


_SHOWN = set(VerdictTarget.model_fields)


def meets(verdict: Verdict, requirement: Requirement, rules: RulesConfig) -> bool | None:
    """Whether a requirement holds; None when the run cannot tell.

    "not-worse" is met as soon as the interval stays below the upper end of the equivalent band.
    """
    if verdict.verdict in _MEETS[requirement]:
        return True
    if verdict.verdict != "inconclusive":
        return False
    not_worse = verdict.high is not None and verdict.high <= rules.equivalent[1]
    return True if requirement == "not-worse" and not_worse and _settled(verdict) else None


def complete_pairs(run: Run) -> int:
    """Return how many pairs have both slices."""
    return len(run.slices) // 2


def _settled(verdict: Verdict) -> bool:
    return verdict.pairs >= MIN_PAIRS and not verdict.reason.startswith("both targets fail")


def _compare(run: Run, rules: RulesConfig) -> Interval | None:
    sides: dict[str, list[float]] = {run.baseline: [], run.challenger: []}
    for part in sorted(run.slices, key=lambda one: one.pair):
        value = part.quantile_ms(rules.metric)
        sides[part.target].append(float("nan") if value is None else value)
    return interval(sides[run.baseline], sides[run.challenger])


def _decide(run: Run, rules: RulesConfig, found: Interval | None) -> tuple[Word, str]:
    failed = [gate.name for gate in run.gates if not gate.passed]
    if failed:
        return "invalid", "the run fails " + ", ".join(failed)
    baseline, challenger = run.targets[run.baseline], run.targets[run.challenger]
    limit = rules.max_error_rate
    if challenger.error_rate > limit:
        share = f"{challenger.error_rate:.2%} of its lookups fail"
        if baseline.error_rate > limit:
            return "inconclusive", f"both targets fail: of {run.challenger}, {share}"
        return "worse", f"{share}; max_error_rate is {limit:g}"
    if complete_pairs(run) < MIN_PAIRS:
        return "inconclusive", f"{complete_pairs(run)} pairs; a verdict needs {MIN_PAIRS}"
    if found is None:
        return "inconclusive", f"{rules.metric} does not exist in every slice: too many failures"
    word = _by_interval(found, rules)
    value = challenger.quantile_ms(rules.metric)
    if word == "adopt" and (value is None or value > rules.slo_ms):
        return "better", f"{rules.metric} misses the objective of {rules.slo_ms:g} ms"
    return word, _REASONS[word]


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
