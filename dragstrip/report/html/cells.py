"""The cells of the HTML report's pictures: a number as it is written, and its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.report.html.chart import Cell, Key

if TYPE_CHECKING:
    from dragstrip.run.model import Run, TargetTotals

OPEN = "open"


def sides(run: Run) -> tuple[TargetTotals, TargetTotals]:
    """Return (baseline, challenger)."""
    return run.targets[run.baseline], run.targets[run.challenger]


def targets(run: Run) -> list[tuple[str, str, TargetTotals]]:
    """Return baseline and challenger: the word for it, its name, its totals."""
    return [
        ("baseline", run.baseline, run.targets[run.baseline]),
        ("challenger", run.challenger, run.targets[run.challenger]),
    ]


def legend(run: Run) -> tuple[Key, ...]:
    """Return the targets' entries of a legend."""
    return tuple(Key(side, f"{name} ({side})") for side, name, _ in targets(run))


def names(run: Run) -> tuple[str, str]:
    """Return the names of (baseline, challenger)."""
    return run.baseline, run.challenger


def ms(value: float | None) -> Cell:
    """Return a time, or a dash."""
    return Cell(numbers.milliseconds(value), value)


def end_ms(value: float | None) -> Cell:
    """Return an interval's end, which may be open."""
    return Cell(OPEN if value is None else numbers.milliseconds(value), value)


def rate(value: float) -> Cell:
    """Return a rate per second."""
    return Cell(numbers.per_second(value), value)


def share(value: float | None) -> Cell:
    """Return a share in per cent."""
    return Cell(numbers.percent(value), value)


def count(value: int) -> Cell:
    """Return a count."""
    return Cell(numbers.count(value), value)


def ratio(value: float | None) -> Cell:
    """Return a ratio with three decimals, or a dash."""
    return Cell(numbers.ratio(value), value)


def percentile(part: float) -> str:
    """Return the name of a quantile: p50, p99.9."""
    return f"p{part * 100:.4g}"
