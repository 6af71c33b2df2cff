"""What a soak came to, as text for a terminal, as Markdown and as JUnit XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from dragstrip.analysis import numbers
from dragstrip.analysis.soak import FIGURES, TIMES
from dragstrip.report import text
from dragstrip.report.junit import Case, document, lab_mark
from dragstrip.report.markdown import escape, table
from dragstrip.report.number_table import number_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from dragstrip.analysis.soak_model import Soak, SoakFigure, SoakTrend

COLOURS = {
    "steady": "bold green",
    "degrades": "bold red",
    "inconclusive": "bold yellow",
    "invalid": "bold red",
}
HEADS = ("target", "figure", "an hour", "95 % interval", "p (Holm)")
_OPEN = "open"


def render(found: Soak, *, verbose: bool = False) -> RenderableType:
    """Return what was found; it fits 80 columns, and unless `verbose` 24 lines."""
    parts: list[RenderableType] = []
    if found.lab:
        parts.append(Text(text.LAB_BANNER, style="yellow"))
    parts.append(Text(headline(found), style=COLOURS[found.verdict]))
    if others := sentences(found):
        parts += [Text(), *map(Text, others)]
    if verbose:
        parts += [Text(), number_table(HEADS, rows(found), left=2)]
    parts += [Text(), Text(conditions(found), style="dim")]
    return Group(*parts)


def headline(found: Soak) -> str:
    """Return the verdict in one sentence."""
    early = " The soak was interrupted." * found.interrupted
    if found.verdict in {"invalid", "inconclusive"}:
        return f"{found.verdict.upper()}: {found.reason}.{early}"
    if found.verdict == "steady" and len(found.targets) > 1:
        return f"{' and '.join(found.targets)} are steady.{early}"
    worst = next(name for name, one in found.targets.items() if one.verdict == found.verdict)
    return sentence(found, worst) + early


def sentences(found: Soak) -> list[str]:
    """Return a sentence for each target of which the headline does not say it already."""
    said = headline(found)
    return [line for name in found.targets if (line := sentence(found, name)) not in said]


def sentence(found: Soak, name: str) -> str:
    """Return what a target came to, with the trend that decides."""
    one = found.targets[name]
    if one.verdict == "invalid":
        void = sum(each.target == name and each.void is not None for each in found.windows)
        return f"{name}: {one.windows} windows prove something, {void} nothing."
    if one.verdict == "degrades":
        figure = one.rising[0]
        others = f"; {', '.join(one.rising[1:])} rise, too" * (len(one.rising) > 1)
        return f"{name} degrades: {_change(figure, one.trends[figure])}{others}."
    trend = one.trends.get(found.metric)
    if trend is None:
        return f"{name}: {found.metric} failed in most windows."
    word = "is steady" if one.verdict == "steady" else "may be steady or not"
    return f"{name} {word}: {_change(found.metric, trend)}."


def _change(figure: SoakFigure, one: SoakTrend) -> str:
    by, interval = per_hour(figure, one.per_hour), _interval(figure, one)
    verb = "changes" if figure in TIMES else "change"
    return f"{figure} {verb} by {by} an hour ({interval})"


def per_hour(figure: SoakFigure, value: float | None) -> str:
    """Return a slope: per cent of the figure's median, or percentage points."""
    if value is None:
        return _OPEN
    value *= 100
    number = f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.3g}"
    return f"{number} {'%' if figure in TIMES else 'pp'}"


def _interval(figure: SoakFigure, one: SoakTrend) -> str:
    return f"{per_hour(figure, one.low)} to {per_hour(figure, one.high)}"


def rows(found: Soak) -> list[tuple[str, ...]]:
    """Return the rows of HEADS."""
    return [
        (
            name,
            figure,
            per_hour(figure, trend.per_hour),
            _interval(figure, trend),
            f"{trend.p_adjusted:.3f}",
        )
        for name, one in found.targets.items()
        for figure in FIGURES
        if (trend := one.trends.get(figure))
    ]


def conditions(found: Soak) -> str:
    """Return what was played, and what makes a target steady."""
    requests = sum(one.requests for one in found.targets.values())
    hours = (found.ended - found.started).total_seconds() / 3600
    return (
        f"{found.rate_per_s:g}/s for {hours:.2g} h, {len(found.windows)} windows of "
        f"{found.window_s:g} s; {requests:,} requests counted. Steady: {found.metric} rises by at "
        f"most {numbers.percent(found.most_rise)} over the whole time. {found.id}"
    )


def fix_of(found: Soak) -> str | None:
    """Return what to do about an invalid soak."""
    if any(one.void for one in found.windows):
        return "stop other work on this machine, or lower --rate"
    return "soak again, for longer"


def markdown(found: Soak) -> str:
    """Return the whole result as Markdown, for a pull request."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Soak) -> Iterator[str]:
    if found.lab:
        yield from (f"> **{text.LAB_BANNER}**", "")
    yield from (f"### {escape(headline(found))}", "")
    for line in sentences(found):
        yield f"- {escape(line)}"
    yield ""
    yield from table(HEADS, rows(found), "|---|---|---:|---:|---:|")
    yield from ("", escape(conditions(found)))


def junit(found: Soak) -> str:
    """Return the result as JUnit XML: whether it proves anything, and each target."""
    void = headline(found) if found.verdict == "invalid" else None
    valid = Case("verdict", "valid", headline(found), void, type="invalid", fix=fix_of(found))
    lines = {name: sentence(found, name) for name in found.targets}
    steady = [
        Case(
            "soak",
            name,
            lines[name],
            lines[name] if one.verdict == "degrades" else None,
            type="degrades",
        )
        for name, one in found.targets.items()
    ]
    return document(
        f"dragstrip: soak of {' and '.join(found.targets)}{lab_mark(found.lab)}",
        {"verdict": [valid], "soak": steady},
        ((name, getattr(found, name)) for name in ("id", "lab", "verdict", "metric", "rate_per_s")),
        found.started,
        max((found.ended - found.started).total_seconds(), 0),
    )
