"""What is seen of a race while it runs: on a terminal a live picture, elsewhere a line a pair."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dragstrip.analyse.conditions import bound_of, figure_of, words_of
from dragstrip.analyse.pairs import interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rich.console import Console, RenderableType

    from dragstrip.analyse.model import Gate
    from dragstrip.config import Metric
    from dragstrip.plan import Plan
    from dragstrip.telemetry.follow import State
    from seeding.progress import Reporter

_RATE_OVER_S = 5.0
_REDRAWN_PER_S = 4


class Clock:
    """Turns counts and slices seen at certain times into rates and the time left."""

    def __init__(self, plan: Plan, now: Callable[[], float] = time.monotonic) -> None:
        self._slice_s = plan.race.slice
        self._planned = len(plan.slices)
        self._now = now
        self._turn: int | None = None
        self._since_s = now()
        self._seen: deque[tuple[float, tuple[int, int]]] = deque()

    def see(self, state: State) -> None:
        """Take in how the race stands now."""
        now_s = self._now()
        turn = state.turn.index if state.turn else None
        if turn != self._turn:
            self._turn, self._since_s = turn, now_s
        self._seen.append((now_s, (_sent(state, 0), _sent(state, 1))))
        while self._seen[0][0] < now_s - _RATE_OVER_S:
            self._seen.popleft()

    def per_s(self, target: int) -> float | None:
        """Return how many lookups a target answered a second lately; None when it is too early."""
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return None if last_s - first_s < 1 else (last[target] - first[target]) / (last_s - first_s)

    def left_s(self, state: State) -> float:
        """Return how long the slices that are not over will take, in seconds."""
        to_come_s = (self._planned - state.slices_done) * self._slice_s
        under_way_s = self._now() - self._since_s if state.turn else 0.0
        return max(0.0, to_come_s - min(under_way_s, self._slice_s))


def picture(state: State, clock: Clock, metric: Metric) -> RenderableType:
    """Return the live picture: where the race is, both sides so far, the ratio, the conditions."""
    planned = len(state.plan.slices)
    head = Table.grid(padding=(0, 2))
    head.add_row(
        Text("race", style="bold"),
        ProgressBar(total=planned, completed=state.slices_done, width=24),
        Text(f"slice {min(state.slices_done + 1, planned)} of {planned}"),
        Text(f"{_clock_time(clock.left_s(state))} left"),
    )
    return Group(head, _sides(state, clock, metric), _ratio(state, metric), _lights(state.gates))


def line(state: State, clock: Clock, metric: Metric) -> str:
    """Return the same in one line, for when a pair is over."""
    sides = ", ".join(f"{name} {_quantile(state, name, metric)}" for name in _names(state))
    failed = sum(sum(counted["failed"].values()) for counted in state.counted)
    broken = [words_of(gate.name) for gate in state.gates if not gate.passed]
    return (
        f"race: {state.slices_done // 2} of {state.plan.pairs} pairs; {metric} so far: {sides}; "
        f"{failed} failed; {_clock_time(clock.left_s(state))} left"
        + (f"; broken so far: {', '.join(broken)}" if broken else "")
    )


class Screen:
    """Steps as lines; while the race runs, a picture on a terminal, a line a pair elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._clock: Clock | None = None
        self._live: Live | None = None
        self._said = 0

    def seeding(self) -> AbstractContextManager[Reporter]:
        """Return a reporter for the time of seeding."""
        from seeding.progress import progress_on

        return progress_on(self._console)

    def say(self, line: str) -> None:
        """Report a step in words."""
        self._console.print(line, markup=False)

    def watch(self, state: State, metric: Metric) -> None:
        """Show how the race stands. Called several times a second."""
        self._clock = self._clock or Clock(state.plan)
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
    return table


def _ratio(state: State, metric: Metric) -> Text:
    old, new = _names(state)
    values = {
        name: [one.quantile_ms(metric) for one in state.slices if one.target == name]
        for name in (old, new)
    }
    found = interval(*([value or 0.0 for value in values[name]] for name in (old, new)))
    if found is None:
        return Text(f"{metric} {new}/{old}: after two pairs", style="dim")
    return Text(
        f"{metric} {new}/{old} so far {found.ratio:.3f} ({found.low:.3f} to {found.high:.3f}, "
        f"{state.pairs_complete} pairs); the verdict is for the last pair to give"
    )


def _lights(gates: list[Gate]) -> Text:
    if not gates:
        return Text("○ conditions of a valid run: after the first pair", style="dim")
    broken = [gate for gate in gates if not gate.passed]
    if not broken:
        return Text(f"● all {len(gates)} conditions of a valid run hold so far", style="green")
    lines = [f"✗ {words_of(gate.name)}: {figure_of(gate)}, {bound_of(gate)}" for gate in broken]
    return Text("\n".join(lines), style="red")


def _names(state: State) -> tuple[str, str]:
    old, new = state.plan.targets
    return old.name, new.name


def _quantile(state: State, name: str, metric: Metric) -> str:
    totals = state.totals.get(name)
    value = totals.quantile_ms(metric) if totals else None
    return "–" if value is None else f"{value:.1f} ms"


def _sent(state: State, target: int) -> int:
    counted = state.counted[target]
    return counted["verified"] + sum(counted["failed"].values()) + counted["uncounted"]


def _clock_time(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
