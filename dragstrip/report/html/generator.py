"""The picture of how the load generator fared: how much was used of what the gates allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.analysis.gates import GATES
from dragstrip.report.html import cells as figures
from dragstrip.report.html import timeline as over_time
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, Key
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from dragstrip.analysis.gates import GateRule
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run, Slice


_STYLES = (("triangle-up", (2, 2)), ("square", (6, 3)), ("circle", ()))


@dataclass(frozen=True, slots=True)
class _Series:
    """A gate's figure in each slice, its bound over the whole run, and how it is drawn."""

    rule: GateRule
    bound: float
    shape: str
    dash: tuple[int, ...]

    def of(self, part: Slice) -> float | None:
        return self.rule.of_slice(part.generator) if self.rule.of_slice and part.generator else None

    def share(self, part: Slice) -> float | None:
        """Return how much a slice used of what is allowed."""
        value = self.of(part)
        return value / self.bound if value is not None and self.bound else None

    def say(self, value: float | None) -> Cell:
        return figures.share(value) if self.rule.unit == "%" else figures.ms(value)

    def cell(self, part: Slice) -> Cell:
        return self.say(self.of(part))

    @property
    def allowed(self) -> str:
        return self.say(self.bound).text


def _series(run: Run) -> list[_Series]:
    bounds = {gate.name: gate.bound for gate in run.gates}
    drawn = zip((rule for rule in GATES if rule.of_slice), _STYLES, strict=True)
    return [_Series(one, bounds[one.name], *style) for one, style in drawn if one.name in bounds]


def charts(run: Run) -> list[Chart]:
    """Return the picture; none where no slice says how the generator fared."""
    if not any(part.generator for part in run.slices):
        return []
    series = _series(run)
    columns: over_time.Columns = {one.rule.words: one.cell for one in series}
    table, stops = over_time.told(run, columns | {"found no free connection": _no_connection})
    zoom = over_time.zoom(run)
    rows = over_time.rows(run, lambda part: {one.rule.name: one.share(part) for one in series})
    made = Chart(
        id="generator",
        title="Health of the load generator",
        how_to_read="A generator that is late or out of breath measures itself. The gates judge "
        "the whole run; a single slice above the line does not fail it.",
        summary=_summary(run, series),
        spec=marks.picture(_layers(series, rows), rows, height=220, zoom=zoom),
        table=table,
        stops=stops,
        zoom=zoom,
        is_over_time=True,
        legend=tuple(
            Key(f"shape-{one.shape}", f"{one.rule.words} (allowed: {one.allowed})")
            for one in series
        ),
    )
    return [made]


def _layers(series: list[_Series], rows: list[Spec]) -> list[Spec]:
    known = [row[one.rule.name] for row in rows for one in series if row[one.rule.name] is not None]
    scale: Spec = {"domain": [0, max([1.15, *(one * 1.05 for one in known)])], "nice": False}
    made = over_time.shades()
    for one in series:
        y = value(
            one.rule.name, scale=scale, title="share of what is allowed", axis={"format": ".0%"}
        )
        style = {"stroke": marks.INK, "strokeWidth": 1.2, "strokeDash": one.dash, "opacity": 0.7}
        made.append(marks.line("baseline", over_time.x(), y, **style))
        made.append(marks.points("baseline", over_time.x(), y, shape=one.shape, fill=marks.INK))
    made += marks.limit("y", 1.0, "the most that is allowed", scale=scale)
    return [*made, marks.cursor("x", over_time.x())]


def _no_connection(part: Slice) -> Cell:
    return figures.count(part.generator.no_connection if part.generator else 0)


def _summary(run: Run, series: list[_Series]) -> str:
    said = []
    for one in series:
        known = [found for part in run.slices if (found := one.of(part)) is not None]
        if known:
            most = one.say(max(known)).text
            said.append(f"{one.rule.words}: at most {most} in a slice, {one.allowed} allowed")
    return "; ".join(said) + "."
