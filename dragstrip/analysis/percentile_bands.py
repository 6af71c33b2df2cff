"""The distribution of response times: quantiles from p0.1 to p99.9 with their 95 % intervals.

The interval is distribution-free: it lies between two order statistics, found from the binomial
distribution (Hahn and Meeker, Statistical Intervals, 1991, section 5.2). That takes requests for
independent; within a slice they are not. So their number is first divided by the design effect of
the slices (Kish, Survey Sampling, 1965): by how much the share of requests below the quantile
scatters from slice to slice beyond chance. As few slices tell that poorly, the number is lessened
once more by Student's t (Korn and Graubard, Survey Methodology 24, 1998). An end is open where so
few requests cannot bound it: no 600 requests say how bad a p99.9 may be. In a race that may end
early, the confidence is that of the look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dragstrip.analysis.looks import fixed
from dragstrip.ledger.histogram import Histogram
from dragstrip.ledger.tallies import of_target
from dragstrip.ledger.tally import Tally, merged
from dragstrip.run.model import Quantile
from dragstrip.stats.probability import binomial_quantile, normal_quantile, student_quantile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from dragstrip.analysis.looks import Level
    from dragstrip.run.slice_report import SliceReport

    Values = NDArray[np.float64]
    Sums = tuple[list[Tally], list[Tally]]
    """What (baseline, challenger) come to, by operation."""

SHARES = tuple(mille / 1000 for mille in (1, 5, *range(10, 991, 10), *range(991, 1000)))
_FEWEST_SLICES = 2


class Scatter:
    """Sees a target's slices one by one, and how the requests within each quantile scatter."""

    def __init__(self, total: Tally, level: Level = fixed) -> None:
        self._total = total
        self._level = level
        found = [total.quantile_ms(share) for share in SHARES]
        self._bounds_ns = np.array([np.nan if ms is None else ms * 1e6 for ms in found])
        self._within = _counts_within(total.histograms.get("response"), self._bounds_ns)
        self._squares = np.zeros(len(SHARES))
        self._slices = 0

    def see(self, report: SliceReport, target: int, operation: int | None = None) -> None:
        """Take in a slice of this target and operation (None: of all), part of the total."""
        responses, due = Histogram(), 0
        for worker in report["workers"]:
            for number, form in of_target(worker["tallies"], target):
                if operation is not None and number != operation:
                    continue
                due += form["requests"]
                if "response" in form["histograms"]:
                    responses.merge_encoded(form["histograms"]["response"])
        expected = self._within / max(self._total.requests, 1) * due
        self._squares += (_counts_within(responses, self._bounds_ns) - expected) ** 2
        self._slices += 1

    def quantiles(self) -> list[Quantile]:
        """Return the quantiles at SHARES; none without a request."""
        if not self._total.requests:
            return []
        lows, highs = self._ends()
        return [
            Quantile(
                share=share,
                ms=self._total.quantile_ms(share),
                low_ms=self._ms(low),
                high_ms=self._ms(high),
            )
            for share, low, high in zip(SHARES, lows.tolist(), highs.tolist(), strict=True)
        ]

    def _ms(self, share: float) -> float | None:
        return self._total.quantile_ms(share) if 0 < share <= 1 else None

    def _ends(self) -> tuple[Values, Values]:
        """Return the shares at which the intervals end; 0 or above 1 where they are open."""
        confidence = self._level(self._slices)
        if self._slices < _FEWEST_SLICES or confidence == 1:
            return np.zeros(len(SHARES)), np.full(len(SHARES), 2.0)
        count, shares = self._effective(confidence), np.array(SHARES)
        tail = (1 - confidence) / 2
        lows = binomial_quantile(tail, count, shares) / count
        highs = (binomial_quantile(1 - tail, count, shares) + 1) / count
        return lows, highs

    def _effective(self, confidence: float) -> Values:
        """Return, for each quantile, as how many independent requests those made count."""
        due, slices = self._total.requests, self._slices
        share = self._within / due
        by_chance = share * (1 - share) / due
        found = self._squares * slices / (slices - 1) / due**2
        design = np.divide(found, by_chance, out=np.ones(len(SHARES)), where=by_chance > 0)
        reach = (1 + confidence) / 2
        few = (normal_quantile(reach) / student_quantile(reach, slices - 1)) ** 2
        counted: Values = np.maximum(np.floor(due / np.maximum(design, 1) * few), 1)
        return counted


class Distributions(NamedTuple):
    """A target's distributions: of all its requests, and of each operation where it has several."""

    whole: list[Quantile]
    operations: list[list[Quantile]]


def distributions(
    reports: Iterable[SliceReport], counted: dict[int, int], sums: Sums, level: Level = fixed
) -> tuple[Distributions, Distributions]:
    """Return the distributions of (baseline, challenger).

    `counted` are the slices that count, by index, each with the number of its target, and `sums`
    what they come to. Of `reports`, one is held at a time. `level` is that of the look.
    """
    scatters = [Scatter(merged(tallies), level) for tallies in sums]
    parts = [[Scatter(tally, level) for tally in tallies if len(tallies) > 1] for tallies in sums]
    for report in reports:
        target = counted.get(report["index"])
        if target is not None:
            scatters[target].see(report, target)
            for operation, part in enumerate(parts[target]):
                part.see(report, target, operation)
    baseline, challenger = (
        Distributions(whole.quantiles(), [part.quantiles() for part in own])
        for whole, own in zip(scatters, parts, strict=True)
    )
    return baseline, challenger


def _counts_within(histogram: Histogram | None, bounds_ns: Values) -> Values:
    """Count what lies within each bound; where requests fail instead, all that does not."""
    if histogram is None:
        return np.zeros(len(bounds_ns))
    counts = histogram.at_most(np.nan_to_num(bounds_ns, nan=0.0).astype(np.int64))
    return np.where(np.isnan(bounds_ns), histogram.total, counts).astype(float)
