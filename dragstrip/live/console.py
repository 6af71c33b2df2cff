"""What is seen of a race while it runs: on a terminal a live picture, elsewhere a line a pair."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dragstrip.analysis.aggregate import part_of
from dragstrip.analysis.conditions import bound_of, figure_of, words_of
from dragstrip.live.progress import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

    from dragstrip.config.config import Metric
    from dragstrip.live.follow import State

_REDRAWN_PER_S = 4


def picture(state: State, clock: Clock, metric: Metric) -> RenderableType:
    """Return the live picture: where the race is, both sides so far, the ratio, the conditions."""
    planned = len(state.plan.slices)
    head = Table.grid(padding=(0, 2))
    head.add_row(
        Text("race", style="bold"),
        ProgressBar(total=planned, completed=state.slices_done, width=24),
        Text(f"slice {min(state.slices_done + 1, planned)} of {planned}"),
        Text(f"{clock.left(state)} left"),
    )
    return Group(head, _sides(state, clock, metric), _ratio(state, metric), _lights(state))


def line(state: State, clock: Clock, metric: Metric) -> str:
    """Return the same in one line, for when a pair is over."""
    what = f"{state.decisive} {metric}" if state.decisive else metric
    sides = ", ".join(
        f"{name} {_quantile(state, name, metric, state.decisive)}" for name in _names(state)
    )
    failed = sum(sum(counted["failed"].values()) for counted in state.counted)
    broken = [words_of(gate.name) for gate in state.broken]
    return (
        f"race: {state.slices_done // 2} of {state.plan.pairs} pairs; {what} so far: {sides}; "
        f"{failed} failed; {clock.left(state)} left"
        + (f"; broken so far: {', '.join(broken)}" if broken else "")
    )


class Screen:
    """Steps as lines; while the race runs, a picture on a terminal, a line a pair elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._clock: Clock | None = None
        self._live: Live | None = None
        self._said = 0

    def say(self, line: str) -> None:
        """Report a step in words."""
        self._console.print(line, markup=False)

    def watch(self, state: State, metric: Metric) -> None:
        """Show how the race stands. Called several times a second."""
        if self._clock is None or self._clock.plan is not state.plan:
            self._clock = Clock(state.plan)
        self._clock.see(state)
        if self._console.is_terminal:
            self._draw(picture(state, self._clock, metric))
        elif state.slices_done // 2 > self._said:
            self._said = state.slices_done // 2
            self.say(line(state, self._clock, metric))

    def close(self) -> None:
        """Remove the picture."""
        if self._live:
            self._live.stop()
            self._live = None

    def _draw(self, shown: RenderableType) -> None:
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
    table.add_column("")
    for column in ("verified", "failed", "per s now", f"{metric} so far"):
        table.add_column(column, justify="right")
    for number, name in enumerate(_names(state)):
        counted, rate = state.counted[number], clock.per_s(number)
        failed = sum(counted["failed"].values())
        is_on = state.turn is not None and state.turn.target == number
        table.add_row(
            Text(f"{'▶' if is_on else ' '} {name}", style="bold" if is_on else ""),
            f"{counted['verified']:,}",
            Text(f"{failed:,}", style="red" if failed else ""),
            "–" if rate is None else f"{rate:,.1f}",
            _quantile(state, name, metric),
        )
        for row in _operations(state, number, metric):
            table.add_row(*row, style="dim")
    return table


def _operations(state: State, target: int, metric: Metric) -> Iterator[tuple[str, ...]]:
    """Yield a row for each operation of a target, where there are several."""
    operations = state.plan.operations if len(state.plan.operations) > 1 else ()
    name = _names(state)[target]
    for number, operation in enumerate(operations):
        counted = state.by_operation[target][number]
        failed = sum(counted["failed"].values())
        quantile = _quantile(state, name, metric, operation.name)
        yield f"    {operation.name}", f"{counted['verified']:,}", f"{failed:,}", "", quantile


def _ratio(state: State, metric: Metric) -> Text:
    old, new = _names(state)
    what = f"{state.decisive} {metric}" if state.decisive else metric
    if state.broken:
        return Text(f"{what} {new}/{old}: not while a condition is broken", style="dim")
    found = state.ratio(metric, state.decisive)
    if found is None:
        return Text(f"{what} {new}/{old}: after two pairs", style="dim")
    return Text(
        f"{what} {new}/{old} so far {found.ratio:.3f} ({found.low:.3f} to {found.high:.3f}, "
        f"{state.pairs_complete} pairs); the verdict is for the last pair to give"
    )


def _lights(state: State) -> Text:
    if not state.gates:
        return Text("○ conditions of a valid run: after the first pair", style="dim")
    if not state.broken:
        return Text(
            f"● all {len(state.gates)} conditions of a valid run hold so far", style="green"
        )
    lines = [
        f"✗ {words_of(gate.name)}: {figure_of(gate)}, {bound_of(gate)}" for gate in state.broken
    ]
    return Text("\n".join(lines), style="red")


def _names(state: State) -> tuple[str, str]:
    old, new = state.plan.targets
    return old.name, new.name


def _quantile(state: State, name: str, metric: Metric, operation: str | None = None) -> str:
    totals = state.totals.get(name)
    value = part_of(totals, operation).quantile_ms(metric) if totals else None
    return "–" if value is None else f"{value:.1f} ms"
