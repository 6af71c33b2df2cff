"""What is seen of a race while it runs: on a terminal a picture, elsewhere a line every 10 s."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dragstrip.analysis.aggregate import part_of
from dragstrip.analysis.numbers import milliseconds, unsaid
from dragstrip.live import words
from dragstrip.live.progress import Clock
from dragstrip.live.small_pictures import BARS, IntervalPicture, sparkline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, RenderableType

    from dragstrip.config.config import Metric
    from dragstrip.live.follow import State

EVERY_S = 10.0
_REDRAWN_PER_S = 4
_LEAST_COLUMNS = 20
_MOST_SLICES, _MOST_LIGHTS, _MOST_OPERATIONS = 30, 4, 3
"""What fits into 80 columns and 24 lines together."""


def picture(state: State, clock: Clock, metric: Metric) -> RenderableType:
    """Return the live picture: where the race is, both sides so far, the ratio, the gates."""
    planned = len(state.plan.slices)
    head = Table.grid(padding=(0, 2))
    head.add_row(
        Text("race", style="bold"),
        ProgressBar(total=planned, completed=state.slices_done, width=24),
        Text(f"slice {min(state.slices_done + 1, planned)} of {planned}"),
        Text(f"{clock.left(state)} left"),
    )
    parts: list[RenderableType] = [head, _sides(state, clock, metric), _ratio(state, metric)]
    found = None if state.broken else state.ratio(metric, state.decisive)
    if state.rules and found and not unsaid(found.low, found.high, state.pairs_complete):
        parts.append(IntervalPicture(found, state.rules))
    return Group(*parts, *_over_time(state, metric), _lights(state))


def line(state: State, clock: Clock, metric: Metric) -> str:
    """Return the same in one line."""
    what = words.metric_of(state, metric)
    names = words.names(state)
    sides = ", ".join(f"{name} {words.quantile(state, name, metric)}" for name in names)
    failed = sum(sum(counted["failed"].values()) for counted in state.counted)
    return (
        f"race: {state.slices_done // 2} of {state.plan.pairs} pairs; {what} so far: {sides}; "
        f"{failed} failed; {clock.left(state)} left"
        + (f"; {words.validity(state)}" if state.broken else "")
    )


class ProgressLines:
    """Steps as lines, for what consists of many short races: none of them is shown."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """Report a step in words."""
        self._console.print(line, markup=False, soft_wrap=True)

    def watch(self, state: State, metric: Metric) -> None:
        """Say nothing."""


class Screen:
    """Steps as lines; while the race runs, a picture on a terminal, elsewhere a line every 10 s."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._size = console.size
        self._clock: Clock | None = None
        self._live: Live | None = None
        self._said_s = now()

    @property
    def draws(self) -> bool:
        """Whether this is a terminal on which a picture can be drawn over."""
        is_wide = self._console.width >= _LEAST_COLUMNS
        return self._console.is_terminal and not self._console.is_dumb_terminal and is_wide

    def say(self, line: str) -> None:
        """Report a step in words."""
        self._console.print(line, markup=False, soft_wrap=True)

    def watch(self, state: State, metric: Metric) -> None:
        """Show how the race stands. Called several times a second."""
        if self._clock is None or self._clock.plan is not state.plan:
            self._clock = Clock(state.plan)
        self._clock.see(state)
        if self.draws:
            self._draw(picture(state, self._clock, metric))
        elif self._now() - self._said_s >= EVERY_S:
            self._said_s = self._now()
            self.say(line(state, self._clock, metric))

    def close(self) -> None:
        """Remove the picture."""
        if self._live:
            self._live.stop()
            self._live = None

    def _draw(self, shown: RenderableType) -> None:
        if self._size != self._console.size:
            # The terminal has broken the old lines anew: how far to go up to them is unknown.
            self._size = self._console.size
            self.close()
            self._console.clear()
        if self._live is None:
            self._live = Live(
                console=self._console, transient=True, refresh_per_second=_REDRAWN_PER_S
            )
            self._live.start()
        self._live.update(shown)


@contextmanager
def screen_on(console: Console) -> Iterator[Screen]:
    """Return a screen for the time of the block."""
    screen = Screen(console)
    try:
        yield screen
    finally:
        screen.close()


def _sides(state: State, clock: Clock, metric: Metric) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    rows = [*words.counts(state, clock), words.quantiles(state, metric, state.decisive)]
    heads, *sides = zip(*rows, strict=True)
    table.add_column("")
    for head in heads:
        table.add_column(head, justify="right")
    for number, (name, cells) in enumerate(zip(words.names(state), sides, strict=True)):
        is_on = state.slice_ is not None and state.slice_.target == number
        has_failed = bool(state.counted[number]["failed"])
        styles = {"failed requests": "red"} if has_failed else {}
        table.add_row(
            Text(f"{'▶' if is_on else ' '} {name}", style="bold" if is_on else ""),
            *(Text(cell, style=styles.get(h, "")) for h, cell in zip(heads, cells, strict=True)),
        )
        if len(state.plan.operations) <= _MOST_OPERATIONS:
            for row in words.operation_rows(state, number, metric):
                table.add_row(*row, style="dim")
    return table


def _over_time(state: State, metric: Metric) -> Iterator[Text]:
    """Yield a line for each target: the quantile of its latest slices."""
    names = words.names(state)
    of = {
        name: [
            part_of(one, state.decisive).quantile_ms(metric)
            for one in state.slices
            if one.target == name
        ][-_MOST_SLICES:]
        for name in names
    }
    known = [value for values in of.values() for value in values if value]
    if not known:
        return
    low, high = min(known), max(known)
    longest = max(map(len, names))
    for name, style in zip(names, ("cyan", "magenta"), strict=True):
        drawn = sparkline(of[name], low, high)
        yield Text.assemble(f"{name:<{longest}} ", (drawn, style), no_wrap=True)
    what = words.metric_of(state, metric)
    ends = f"{milliseconds(low)} to {milliseconds(high)}"
    yield Text(f"{what} of each slice, {BARS[0]} to {BARS[-1]}: {ends}", style="dim")


def _ratio(state: State, metric: Metric) -> Text:
    old, new = words.names(state)
    what = words.metric_of(state, metric)
    ratio = words.ratio(state, metric, state.decisive)
    return Text(
        f"{what} {new}/{old} so far: {ratio}; {state.pairs_complete} pairs are over; the verdict "
        "comes after the last"
    )


def _lights(state: State) -> Text:
    if not state.gates:
        return Text(f"○ {words.validity(state)}", style="dim")
    if not state.broken:
        return Text(f"● {words.validity(state)}", style="green")
    rows = [words.gate_row(gate) for gate in state.broken]
    lines = [f"✗ {what}: {figure}, {bound}" for what, figure, bound in rows[:_MOST_LIGHTS]]
    if rows[_MOST_LIGHTS:]:
        lines.append(f"✗ and {len(rows) - _MOST_LIGHTS} more")
    return Text("\n".join(lines), "red")
