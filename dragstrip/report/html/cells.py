"""The cells of the HTML report's pictures: a number as it is written, and its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dragstrip.analysis import numbers
from dragstrip.report.html.chart import Cell, Key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragstrip.run.model import Run, TargetTotals

OPEN = "open"


class Compared(Protocol):
    """A race, a search or a soak, which may be of one target alone."""

    @property
    def baseline(self) -> str: ...  # noqa: D102

    @property
    def challenger(self) -> str: ...  # noqa: D102

    @property
    def targets(self) -> Mapping[str, object]: ...  # noqa: D102


def sides(run: Run) -> tuple[TargetTotals, TargetTotals]:
    """Return (baseline, challenger)."""
    return run.targets[run.baseline], run.targets[run.challenger]


def targets(run: Run) -> list[tuple[str, str, TargetTotals]]:
    """Return baseline and challenger: the word for it, its name, its totals."""
    return [
        ("baseline", run.baseline, run.targets[run.baseline]),
        ("challenger", run.challenger, run.targets[run.challenger]),
    ]


def legend(found: Compared) -> tuple[Key, ...]:
    """Return the targets' entries of a legend."""
    return tuple(
        Key(side, f"{name} ({side})")
        for side, name in zip(("baseline", "challenger"), names(found), strict=True)
        if name in found.targets
    )


def side_of(found: Compared, target: str) -> str:
    """Return which of the two a target is."""
    return "baseline" if target == found.baseline else "challenger"


def names(run: Compared) -> tuple[str, str]:
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
