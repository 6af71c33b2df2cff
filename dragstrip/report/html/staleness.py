"""The picture of lookups that missed an acknowledged message, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, ColourStop, Table
from dragstrip.report.html.timeline import slices, x, zoom
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run

_HEADS = ("time since the first slice (s)", "target", "acknowledged before (ms)")


def charts(run: Run) -> list[Chart]:
    """Return the picture; none where no lookup was stale."""
    reads = _reads(run)
    if not reads:
        return []
    rows = [
        {"i": i, "at": at_s, "side": side, "age": age_ms}
        for i, (at_s, side, _, age_ms) in enumerate(reads)
    ]
    whole = zoom(run)
    made = Chart(
        id="staleness",
        title="Stale lookups over time",
        how_to_read="Each point is a lookup that missed a message. Its height is how long before "
        "the lookup that message had been acknowledged: the higher, the longer it stayed hidden. "
        "Of many, the oldest are drawn.",
        summary="; ".join(
            f"{name}: {one.stale:,} of {one.reads:,} lookups were stale, by up to "
            f"{figures.ms(one.stable_ms).text}"
            for name, one in run.writes.items()
            if one.stale
        )
        + ".",
        spec=marks.picture(_layers(rows), rows, height=260, zoom=whole),
        table=Table(
            _HEADS,
            [(Cell(f"{at:.2f}", at), Cell(name), figures.ms(age)) for at, _, name, age in reads],
        ),
        stops=tuple(
            ColourStop(at, f"{name}, after {at:.2f} s", ((_HEADS[2], figures.ms(age).text),))
            for at, _, name, age in reads
        ),
        zoom=whole,
        is_over_time=True,
        legend=figures.legend(run),
        is_wide=True,
    )
    return [made]


def _reads(run: Run) -> list[tuple[float, str, str, float]]:
    """Return the stale reads in order: seconds since the first slice, side, target, age in ms."""
    if not run.slices:
        return []
    first_s = slices(run)[0].started.timestamp()
    return sorted(
        (one.at_s - first_s, side, name, one.age_ms)
        for side, name, _ in figures.targets(run)
        if name in run.writes
        for one in run.writes[name].stale_reads
    )


def _layers(rows: list[Spec]) -> list[Spec]:
    top = max(row["age"] for row in rows) * 1.1 or 1.0
    y = value("age", title="acknowledged before (ms)", scale={"domain": [0, top], "nice": False})
    return [
        *marks.points_of_both(x(), y, opacity=0.7),
        marks.cursor("x", x()),
    ]
