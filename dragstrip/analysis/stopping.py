"""Whether a race is decided: more pairs would not lead to another verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.operations import most_failing
from dragstrip.analysis.verdict import judge

if TYPE_CHECKING:
    from dragstrip.config.config import RulesConfig
    from dragstrip.run.model import Run


def is_decided(run: Run, rules: RulesConfig) -> bool:
    """Tell whether a race may end at this look.

    Its interval lies wholly within one of the regions that adopt_ratio and the equivalent band
    make, and where the objective matters, that is known as well. A run that is not valid so far, or
    whose challenger fails too often, goes on: the interval does not decide it.
    """
    verdict = judge(run, rules)
    if verdict.verdict in {"invalid", "unsafe", "inconclusive"}:
        return False
    if verdict.low is None or verdict.high is None:
        return False
    if most_failing(run)[1].error_rate > rules.max_error_rate:
        return False
    if verdict.high <= rules.adopt_ratio and verdict.targets[verdict.challenger].slo == "open":
        return False
    return is_in_one_region(verdict.low, verdict.high, rules)


def is_in_one_region(low: float, high: float, rules: RulesConfig) -> bool:
    """Tell whether all ratios from low to high lead to one verdict."""
    ends = (rules.adopt_ratio, *rules.equivalent)
    return not any(low < end < high for end in ends)
