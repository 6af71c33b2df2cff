"""The pictures of sums: where the response time went, why lookups failed, how the load fared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report import html_figures as figures
from dragstrip.report import html_marks as marks
from dragstrip.report import html_time as over_time
from dragstrip.report.html_chart import Cell, Chart, Key, Stop, Table
from dragstrip.report.html_marks import value

if TYPE_CHECKING:
    from dragstrip.analyse.model import Run, Slice
    from dragstrip.report.html_chart import Spec

_PARTS = (
    ("wait", "wait", "until a connection was free and the lookup was sent"),
    ("network", "network", "on the way there and back, and in the servers before the handler"),
    ("handler", "handler", "in the target's own code"),
    ("data", "data layer", "in its queries"),
)

_OF_BOUND = (
    ("generator_cpu", "processor", "cpu", figures.share),
    ("loop_lag_ms", "event loop's lateness", "loop_lag_p99_ms", figures.ms),
    ("send_lag_p99_ms", "lateness of sends", "send_lag_p99_ms", figures.ms),
)
_STYLES: tuple[tuple[str, list[int]], ...] = (
    ("circle", []),
    ("square", [6, 3]),
    ("triangle-up", [2, 2]),
)


def charts(run: Run) -> list[Chart]:
    """Return those of which there is something to show."""
    made = [_split(run), _failures(run), _generator(run)]
    return [one for one in made if one]


def _split(run: Run) -> Chart | None:
    targets = list(zip(marks.SIDES, figures.names(run), figures.sides(run), strict=True))
    rows: list[Spec] = []
    for side, name, target in targets:
        start = 0.0
        for part, label, _ in _PARTS:
            spent = getattr(target.split, f"{part}_ms") if target.split else None
            if spent is not None:
                end = start + spent
                rows.append(
                    {
                        "side": side,
                        "name": name,
                        "label": label,
                        "from": start,
                        "to": end,
                        "fill": f"var(--part-{part})",
                    }
                )
                start = end
    if not rows:
        return None
    high = max(row["to"] for row in rows)
    zoom = (0.0, high * 1.02)
    y = {
        "field": "side",
        "type": "nominal",
        "title": None,
        "sort": list(marks.SIDES),
        "scale": {"paddingInner": 0.35, "paddingOuter": 0.2},
    }
    time = value("from", title="mean response time (ms)", scale=marks.zoomed())
    layers: list[Spec] = [
        {
            "mark": {"type": "bar", "stroke": marks.PAPER, "strokeWidth": 1.5, "clip": True},
            "encoding": {
                "y": y,
                "x": time,
                "x2": {"field": "to"},
                "fill": {"field": "fill", "scale": None},
            },
        }
    ]
    heads = ("target", *(label for _, label, _ in _PARTS), "sum")
    cells = [_split_cells(name, target.split) for _, name, target in targets]
    return Chart(
        id="split",
        title="Where the response time went",
        how_to_read="Means of the verified lookups, since only means add up. "
        + "; ".join(f"{label}: {what}" for _, label, what in _PARTS)
        + ". The last two are what the servers report of themselves (Server-Timing).",
        summary=_split_summary(run),
        spec=marks.picture(layers, rows, height=130, zoom=zoom),
        table=Table(heads, cells),
        stops=tuple(
            Stop(side, name, tuple(zip(heads[1:], (one.text for one in row[1:]), strict=True)))
            for (side, name, _), row in zip(targets, cells, strict=True)
        ),
        walk="y",
        zoom=zoom,
        legend=tuple(Key(f"part-{part}", label) for part, label, _ in _PARTS),
        has_open_table=True,
    )


def _split_cells(name: str, split: object) -> tuple[Cell, ...]:
    parts = [getattr(split, f"{part}_ms", None) for part, _, _ in _PARTS]
    total = sum(one for one in parts if one is not None) if split else None
    return (Cell(name), *(figures.ms(one) for one in parts), figures.ms(total))


def _split_summary(run: Run) -> str:
    said = []
    for name, target in zip(figures.names(run), figures.sides(run), strict=True):
        split = target.split
        known = {
            label: spent
            for part, label, _ in _PARTS
            if split and (spent := getattr(split, f"{part}_ms")) is not None
        }
        if known:
            most = max(known, key=lambda label: known[label])
            whole = sum(known.values())
            share = f", {known[most] / whole:.0%} of the whole" if whole else ""
            said.append(f"{name} spent most in {most} ({figures.ms(known[most]).text}{share})")
    return "; ".join(said) + "."


def _failures(run: Run) -> Chart | None:
    targets = list(zip(marks.SIDES, figures.names(run), figures.sides(run), strict=True))
    reasons = sorted({reason for _, _, one in targets for reason in one.failed})
    if not reasons:
        return None
    rows: list[Spec] = [
        {"reason": reason, "side": side, "count": target.failed.get(reason, 0)}
        for reason in reasons
        for side, _, target in targets
    ]
    high = max(row["count"] for row in rows)
    scale: Spec = {"domain": [0, high * 1.12], "nice": False}
    y: Spec = {
        "field": "reason",
        "type": "nominal",
        "title": None,
        "sort": None,
        "axis": {"labelLimit": 140},
    }
    offset: Spec = {"field": "side", "sort": list(marks.SIDES)}
    number = value(
        "count", title="lookups that failed", scale=scale, axis={"tickMinStep": 1, "format": "~s"}
    )
    layers: list[Spec] = [
        {
            "transform": [{"filter": f"datum.side === '{side}'"}],
            "mark": {"type": "bar", "fill": marks.COLOURS[side]},
            "encoding": {"y": y, "yOffset": offset, "x": number},
        }
        for side in marks.SIDES
    ]
    layers.append(
        {
            "mark": {"type": "text", "align": "left", "dx": 4, "fill": marks.INK},
            "encoding": {
                "y": y,
                "yOffset": offset,
                "x": number,
                "text": {"field": "count", "format": ","},
            },
        }
    )
    return Chart(
        id="failures",
        title="Why lookups failed",
        how_to_read="A failed lookup counts as slower than any answer and is never left out.",
        summary="; ".join(
            f"{name}: {figures.count(one.due - one.verified).text} of {one.due:,} failed"
            for _, name, one in targets
        )
        + ".",
        spec=marks.picture(layers, rows, height=max(60 * len(reasons), 110)),
        table=Table(
            ("reason", *figures.names(run)),
            [
                (Cell(reason), *(figures.count(one.failed.get(reason, 0)) for _, _, one in targets))
                for reason in reasons
            ],
        ),
        stops=tuple(
            Stop(
                reason,
                reason,
                tuple(
                    (name, figures.count(one.failed.get(reason, 0)).text)
                    for _, name, one in targets
                ),
            )
            for reason in reasons
        ),
        walk="y",
        legend=tuple(Key(side, f"{name} ({side})") for side, name, _ in targets),
        has_open_table=True,
    )


def _generator(run: Run) -> Chart | None:
    bounds = {gate.name: gate.bound for gate in run.gates}
    series = [one for one in _OF_BOUND if one[0] in bounds]
    if not run.slices or not any(part.generator for part in run.slices):
        return None

    def used(part: Slice, gate: str, field: str) -> float | None:
        found = getattr(part.generator, field, None)
        return None if found is None else found / bounds[gate]

    rows = over_time.rows(
        run, lambda part: {field: used(part, gate, field) for gate, _, field, _ in series}
    )
    known = [row[field] for row in rows for _, _, field, _ in series if row[field] is not None]
    scale: Spec = {"domain": [0, max([1.15, *(one * 1.05 for one in known)])], "nice": False}
    title = "share of what is allowed"
    axis: Spec = {"format": ".0%"}
    layers: list[Spec] = over_time.shades()
    for (_, _, field, _), (shape, dash) in zip(series, _STYLES, strict=False):
        y = value(field, scale=scale, title=title, axis=axis)
        layers.append(
            marks.line(
                "baseline",
                over_time.x(),
                y,
                stroke=marks.INK,
                strokeWidth=1.2,
                strokeDash=dash,
                opacity=0.7,
            )
        )
        layers.append(marks.points("baseline", over_time.x(), y, shape=shape, fill=marks.INK))
    layers += marks.limit("y", 1.0, "the most that is allowed", scale=scale)
    layers.append(marks.cursor("x", over_time.x()))
    parts = over_time.slices(run)
    return Chart(
        id="generator",
        title="How the load generator fared",
        how_to_read="A generator that is late or out of breath measures itself. The gates judge "
        "the whole run; a single slice above the line does not fail it.",
        summary=_generator_summary(run, bounds),
        spec=marks.picture(layers, rows, height=220, zoom=over_time.zoom(run)),
        table=Table(
            ("slice", *(label for _, label, _, _ in series), "found no free connection"),
            [
                (
                    Cell(over_time.title_of(run, part)),
                    *(say(getattr(part.generator, field, None)) for _, _, field, say in series),
                    figures.count(part.generator.no_slot if part.generator else 0),
                )
                for part in parts
            ],
        ),
        stops=tuple(
            Stop(
                row["at"],
                over_time.title_of(run, part),
                tuple(
                    (label, say(getattr(part.generator, field, None)).text)
                    for _, label, field, say in series
                ),
            )
            for row, part in zip(rows, parts, strict=True)
        ),
        zoom=over_time.zoom(run),
        legend=tuple(
            Key(f"shape-{shape}", f"{label} (allowed: {say(bounds[gate]).text})")
            for (gate, label, _, say), (shape, _) in zip(series, _STYLES, strict=False)
        ),
    )


def _generator_summary(run: Run, bounds: dict[str, float]) -> str:
    said = []
    for gate, label, field, say in _OF_BOUND:
        known = [
            one
            for part in run.slices
            if (one := getattr(part.generator, field, None)) is not None and gate in bounds
        ]
        if known:
            said.append(
                f"{label} at most {say(max(known)).text} in a slice, {say(bounds[gate]).text} "
                "allowed"
            )
    return "; ".join(said) + "."
