"""Do the bands of the percentiles hold the truth? Simulated targets with a known distribution.

    python -m benchmarks.bands [--targets N] [--seed N]

Slices differ in level, so that lookups of one resemble each other; beside each band stands the
usual one, which takes lookups for independent. One core; about two minutes. Prints the rows of the
table in docs/statistics.md.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from dragstrip.analysis.percentile_bands import SHARES, Scatter
from dragstrip.ledger.histogram import Histogram
from dragstrip.ledger.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dragstrip.run.slice_report import SliceReport

    Values = NDArray[np.float64]

AT = (0.5, 0.95, 0.99)
DEVIATIONS = (0.0, 0.1, 0.3)
SLICES = (6, 20)
LOOKUPS = 200
WITHIN = 0.5
"""Standard deviation of the logarithms within a slice."""
_LARGE = 2_000_000


def main(argv: Sequence[str]) -> None:
    """Simulate and print."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.bands")
    options.add_argument("--targets", type=int, default=500)
    options.add_argument("--seed", type=int, default=11)
    chosen = options.parse_args(argv)
    random = np.random.default_rng(chosen.seed)
    for deviation in DEVIATIONS:
        spread = np.exp(np.hypot(WITHIN, deviation) * random.normal(size=_LARGE))
        truth_ms = np.quantile(spread, AT)
        for slices in SLICES:
            held = np.zeros((2, len(AT)))
            for _ in range(chosen.targets):
                held += _held(_target(random, deviation, slices), truth_ms)
            cells = " | ".join(f"{share:.1%}" for share in (held / chosen.targets).ravel())
            sys.stdout.write(f"| {deviation:.0%} | {slices} | {cells} |\n")


def _target(random: np.random.Generator, deviation: float, slices: int) -> list[Values]:
    """Return each slice's response times in ms."""
    levels = np.exp(deviation * random.normal(size=slices))
    return [level * random.lognormal(0, WITHIN, LOOKUPS) for level in levels]


def _held(slices_ms: list[Values], truth_ms: Values) -> NDArray[np.bool_]:
    """Return whether the bands hold the truth, shape (2, len(AT)): ours, then the pooled ones."""
    total, reports = Tally(), [_report(index, one) for index, one in enumerate(slices_ms)]
    for report in reports:
        total.merge_encoded(report["workers"][0]["tallies"]["0"]["0"])
    scatter = Scatter(total)
    for report in reports:
        scatter.see(report, 0)
    found = {one.share: one for one in scatter.quantiles()}
    pooled = np.sort(np.concatenate(slices_ms))
    bands = [
        [(found[share].low_ms, found[share].high_ms) for share in AT],
        [_pooled(pooled, share) for share in AT],
    ]
    return np.array(
        [
            [
                (low or 0) <= truth <= (high or np.inf)
                for (low, high), truth in zip(row, truth_ms, strict=True)
            ]
            for row in bands
        ]
    )


def _pooled(ordered: Values, share: float) -> tuple[float | None, float | None]:
    count = len(ordered)
    low, high = (int(scipy.stats.binom.ppf(tail, count, share)) for tail in (0.025, 0.975))
    return ordered[low - 1] if low else None, ordered[high] if high < count else None


def _report(index: int, times_ms: Values) -> SliceReport:
    tally, responses = Tally(), Histogram()
    responses.add((times_ms * 1e6).astype(np.int64))
    tally.requests = tally.verified = len(times_ms)
    tally.histograms["response"] = responses
    worker: Any = {"worker": 0, "tallies": {"0": {"0": tally.encode()}}}
    return {"index": index, "started": 0.0, "ended": 0.0, "workers": [worker]}


assert set(AT) <= set(SHARES)  # noqa: S101

if __name__ == "__main__":
    main(sys.argv[1:])
