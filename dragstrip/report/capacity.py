"""What two targets carry, as text for a terminal, as Markdown and as JUnit XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from dragstrip.analysis import numbers
from dragstrip.report import text
from dragstrip.report.junit import Case, document, lab_mark
from dragstrip.report.markdown import escape, table
from dragstrip.report.number_table import number_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from dragstrip.analysis.capacity_model import Capacity, CapacitySlice, CapacityTarget

COLOURS = {
    "more": "bold green",
    "less": "bold red",
    "inconclusive": "bold yellow",
    "invalid": "bold red",
}
HEADS = ("target", "rate", "slices", "kept", "p50", "p95", "p99", "failed")


def render(found: Capacity, *, verbose: bool = False) -> RenderableType:
    """Return what was found; it fits 80 columns, and unless `verbose` 24 lines."""
    parts: list[RenderableType] = []
    if found.lab:
        parts.append(Text(text.LAB_BANNER, style="yellow"))
    parts += [Text(headline(found), style=COLOURS[found.verdict]), Text()]
    parts += map(Text, sentences(found))
    if verbose:
        parts += [Text(), number_table(HEADS, curve(found), left=1)]
    parts += [Text(), Text(conditions(found), style="dim")]
    return Group(*parts)


def headline(found: Capacity) -> str:
    """Return the verdict in one sentence."""
    if found.verdict == "invalid":
        return f"INVALID: {found.reason}."
    if found.verdict == "inconclusive":
        said = f": {_ratio(found)}" if found.ratio else ""
        return (
            f"INCONCLUSIVE: {found.challenger} may carry more than {found.baseline} or less{said}."
        )
    return f"{found.challenger} carries {_ratio(found)}."


def _ratio(found: Capacity) -> str:
    if found.low is None or found.high is None:
        end = found.high if found.low is None else found.low
        return f"at {'most' if found.low is None else 'least'} {end or 0:.2g} times as much"
    if numbers.unsaid(found.low, found.high):
        return f"a rate {numbers.TOO_WIDE} of the other's"
    interval = f"({found.low:.2f} to {found.high:.2f})"
    if found.ratio is None:
        return f"between {found.low:.2f} and {found.high:.2f} times as much"
    return f"{found.ratio:.2f} times as much {interval}"


def sentences(found: Capacity) -> list[str]:
    """Return what each target carries, and what limits it; one sentence or two each."""
    return [
        " ".join((carried(found, name), *(f"It has {one}." for one in target.remarks)))
        for name, target in found.targets.items()
    ]


def carried(found: Capacity, name: str) -> str:
    """Return in a sentence what a target carries."""
    one = found.targets[name]
    if one.limited_by == "generator" and one.high is None:
        return f"{name} never broke up to {rate(found.highest_per_s)}, which this machine can send."
    if one.limited_by == "not-reached":
        return f"{name} never broke up to {rate(found.highest_per_s)}."
    if one.capacity_per_s is None:
        return f"{name} breaks at the lowest rate, {rate(found.lowest_per_s)}: {limit(one)}."
    low = rate(one.low) if one.low is not None else "an unknown rate"
    high = rate(one.high) if one.high is not None else "an unknown rate"
    return f"{name} carries {rate(one.capacity_per_s)} ({low} to {high}): {limit(one)}."


def limit(one: CapacityTarget) -> str:
    """Return what limits a target."""
    if one.limited_by == "target-limit":
        about = f" at about {rate(one.limit_per_s)}" if one.limit_per_s else ""
        return f"limited{about} by its own rate limit (status 429)"
    words = {
        "objective": "beyond, it misses the objective",
        "errors": "beyond, too many requests fail",
        "generator": "the generator was the limit",
        "not-reached": "it never broke",
    }
    return words[one.limited_by]


def rate(value: float | None) -> str:
    """Return a rate with the unit, in three digits or whole."""
    if value is None:
        return numbers.NOTHING
    return f"{value:,.0f}/s" if value >= 100 else f"{value:.3g}/s"


def conditions(found: Capacity) -> str:
    """Return what a slice had to keep, and what was played."""
    objective = found.objective
    what = f"{objective.operation} {objective.metric}" if objective.operation else objective.metric
    played = sum(one.phase == "search" for one in found.slices)
    requests = sum(one.requests for one in found.targets.values())
    race = found.config["race"]
    of_mean = ", of which rates are the mean," if race.get("profile") else ""
    return (
        f"Objective: {what} within {objective.slo_ms:g} ms, at most "
        f"{numbers.percent(objective.max_error_rate)} errors. {played} slices of "
        f"{found.slice_s:g} s with {text.arrivals(race)}{of_mean} decide; {requests:,} requests "
        f"counted. {found.id}"
    )


def fix_of(found: Capacity) -> str | None:
    """Return what to do about an invalid search."""
    if any(one.limited_by == "generator" for one in found.targets.values()):
        return "run `dragstrip calibrate` here, give a lower --to, or search from a faster machine"
    return "search again"


def curve(found: Capacity) -> list[tuple[str, ...]]:
    """Return the rows of HEADS: each target's slices that decide, by rate."""
    rows = []
    for name in (found.baseline, found.challenger):
        for per_s, slices in _by_rate(found, name):
            kept = sum(one.kept >= 0.5 for one in slices)
            middle = slices[len(slices) // 2]
            failed = sum(one.requests - one.verified for one in slices)
            share = failed / max(sum(one.requests for one in slices), 1)
            times = (middle.p50_ms, middle.p95_ms, middle.p99_ms)
            rows.append(
                (
                    name,
                    rate(per_s),
                    str(len(slices)),
                    str(kept),
                    *map(numbers.milliseconds, times),
                    numbers.percent(share),
                )
            )
    return rows


def _by_rate(found: Capacity, name: str) -> Iterator[tuple[float, list[CapacitySlice]]]:
    own = [one for one in found.slices if one.target == name and one.phase == "search"]
    for per_s in sorted({one.rate_per_s for one in own}):
        yield per_s, [one for one in own if one.rate_per_s == per_s]


def markdown(found: Capacity) -> str:
    """Return the whole result as Markdown, for a pull request."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Capacity) -> Iterator[str]:
    if found.lab:
        yield from (f"> **{text.LAB_BANNER}**", "")
    yield from (f"### {escape(headline(found))}", "")
    for sentence in sentences(found):
        yield f"- {escape(sentence)}"
    yield ""
    yield from table(HEADS, curve(found), "|---|" + "---:|" * (len(HEADS) - 1))
    yield from ("", escape(conditions(found)))


def junit(found: Capacity) -> str:
    """Return the result as JUnit XML: the verdict, and what each target carries."""
    void = headline(found) if found.verdict == "invalid" else None
    valid = Case("verdict", "valid", headline(found), void, type="invalid", fix=fix_of(found))
    carry = [
        Case("capacity", name, sentence)
        for name, sentence in zip(found.targets, sentences(found), strict=True)
    ]
    return document(
        f"dragstrip: capacity of {found.challenger} against {found.baseline}{lab_mark(found.lab)}",
        {"verdict": [valid], "capacity": carry},
        _properties(found),
        found.started,
        max((found.ended - found.started).total_seconds(), 0),
    )


def _properties(found: Capacity) -> Iterator[tuple[str, object]]:
    shown = ("id", "lab", "baseline", "challenger", "verdict", "ratio", "low", "high")
    yield from ((name, getattr(found, name)) for name in shown)
    for name, one in found.targets.items():
        for field in ("capacity_per_s", "low", "high", "limited_by"):
            yield f"{name}.{field}", getattr(one, field)
