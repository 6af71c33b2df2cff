"""The picture of how the load generator fared: how much was used of what the gates allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.report.html import numbers as figures
from dragstrip.report.html import timeline as over_time
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, Key
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run, Slice


@dataclass(frozen=True, slots=True)
class _Series:
    """A figure of each slice, the gate that judges it over the whole run, and how it is drawn."""

    gate: str
    label: str
    field: str
    say: Callable[[float | None], Cell]
    shape: str
    dash: tuple[int, ...]

    def of(self, part: Slice) -> float | None:
        found: float | None = getattr(part.generator, self.field, None)
        return found


_ALL = (
    _Series("generator_cpu", "processor", "cpu", figures.share, "circle", ()),
    _Series(
        "loop_lag_ms", "event loop's lateness", "loop_lag_p99_ms", figures.ms, "square", (6, 3)
    ),
    _Series(
        "send_lag_p99_ms", "lateness of sends", "send_lag_p99_ms", figures.ms, "triangle-up", (2, 2)
    ),
)


def charts(run: Run) -> list[Chart]:
    """Return the picture; none where no slice says how the generator fared."""
    if not any(part.generator for part in run.slices):
        return []
    bounds = {gate.name: gate.bound for gate in run.gates}
    series = [one for one in _ALL if one.gate in bounds]
    columns = {one.label: _telling(one) for one in series}
    table, stops = over_time.told(run, columns | {"found no free connection": _no_slot})
    zoom = over_time.zoom(run)
    rows = over_time.rows(
        run, lambda part: {one.field: _share(one.of(part), bounds[one.gate]) for one in series}
    )
    made = Chart(
        id="generator",
        title="How the load generator fared",
        how_to_read="A generator that is late or out of breath measures itself. The gates judge "
        "the whole run; a single slice above the line does not fail it.",
        summary=_summary(run, series, bounds),
        spec=marks.picture(_layers(series, rows), rows, height=220, zoom=zoom),
        table=table,
        stops=stops,
        zoom=zoom,
        legend=tuple(
            Key(f"shape-{one.shape}", f"{one.label} (allowed: {one.say(bounds[one.gate]).text})")
            for one in series
        ),
    )
    return [made]


def _share(found: float | None, bound: float) -> float | None:
    return found / bound if found is not None and bound else None


def _layers(series: list[_Series], rows: list[Spec]) -> list[Spec]:
    known = [row[one.field] for row in rows for one in series if row[one.field] is not None]
    scale: Spec = {"domain": [0, max([1.15, *(one * 1.05 for one in known)])], "nice": False}
    made = over_time.shades()
    for one in series:
        y = value(one.field, scale=scale, title="share of what is allowed", axis={"format": ".0%"})
        style = {"stroke": marks.INK, "strokeWidth": 1.2, "strokeDash": one.dash, "opacity": 0.7}
        made.append(marks.line("baseline", over_time.x(), y, **style))
        made.append(marks.points("baseline", over_time.x(), y, shape=one.shape, fill=marks.INK))
    made += marks.limit("y", 1.0, "the most that is allowed", scale=scale)
    return [*made, marks.cursor("x", over_time.x())]


def _telling(series: _Series) -> Callable[[Slice], Cell]:
    return lambda part: series.say(series.of(part))


def _no_slot(part: Slice) -> Cell:
    return figures.count(part.generator.no_slot if part.generator else 0)


def _summary(run: Run, series: list[_Series], bounds: dict[str, float]) -> str:
    said = []
    for one in series:
        known = [found for part in run.slices if (found := one.of(part)) is not None]
        if known:
            most, allowed = one.say(max(known)).text, one.say(bounds[one.gate]).text
            said.append(f"{one.label} at most {most} in a slice, {allowed} allowed")
    return "; ".join(said) + "."
