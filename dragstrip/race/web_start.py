"""A race that is started from Locust's web UI, and shown there while it runs and afterwards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dragstrip.config.config import with_race
from dragstrip.errors import DragstripError
from dragstrip.live import web_exchange
from dragstrip.live.progress import Clock
from dragstrip.live.web_tables import tables
from dragstrip.race import locust_process
from dragstrip.race.monitor import RaceMonitor
from dragstrip.run.ipc import STOP_PRESSED, read_stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.config.config import Config
    from dragstrip.live.follow import State
    from dragstrip.live.web_exchange import WebUi
    from dragstrip.race.monitor import RaceProgress, Result, Stored
    from dragstrip.race.setup import Setup
    from dragstrip.run.model import Run
    from dragstrip.run.plan import Plan

_SHOWN_EVERY_S = 1.0
"""What the web UI shows: it asks every two seconds, and this machine has requests to time."""


class WebStart(RaceMonitor):
    """The race that a start form asks for.

    `check` refuses a configuration that cannot give a valid run, by raising DragstripError. `tell`
    is called with the result, while the web UI still shows the race. `stored` is what the form
    begins with; what it asks for takes its place.
    """

    def __init__(
        self,
        ui: WebUi,
        setup: Setup,
        stored: Stored,
        progress: RaceProgress,
        *,
        check: Callable[[Config], None],
        tell: Callable[[Result], None],
    ) -> None:
        super().__init__(
            stored,
            progress,
            review=lambda: setup.review(stored.folder),
            remarks=lambda: setup.remarks(stored.folder),
            writes=lambda: setup.scenario.writes(stored.folder),
        )
        self.is_started = False
        self.web = locust_process.Web(ui, self._is_over, self._linger)
        self._ui = ui
        self._setup = setup
        self._check = check
        self._tell = tell
        self._shown_s = -_SHOWN_EVERY_S

    def _take(self, plan: Plan, facts: Run) -> None:
        super()._take(plan, facts)
        self._clock = Clock(plan)

    def tick(self) -> None:
        """Answer the form until there is a race; then report how it stands, and show it."""
        if not self.is_started:
            self._answer()
            return
        super().tick()
        if time.monotonic() >= self._shown_s + _SHOWN_EVERY_S:
            self._shown_s = time.monotonic()
            self._show(self._follower.look())

    def _answer(self) -> None:
        asked = web_exchange.take_wish(self._folder.path)
        if asked is None:
            return
        try:
            config = with_race(self._setup.config, asked)
            self._check(config)
            stored = self._setup.with_config(config).store_in(self._folder)
        except DragstripError as error:
            problem = f"{error.message}. {error.fix.capitalize()}." if error.fix else error.message
            web_exchange.answer(self._folder.path, problem)
            return
        self._take(stored.plan, stored.run)
        self.is_started = True
        web_exchange.answer(self._folder.path, None)

    def _is_over(self) -> bool:
        if not self.is_started:
            return False
        if read_stop(self._folder.path):
            return True
        # It is there with slices missing where every worker was lost, just before that is said.
        is_finished = self._folder.read_finish() is not None
        return is_finished and self._folder.count_slices() == len(self._plan.slices)

    def _linger(self, finished: bool) -> None:
        stop = read_stop(self._folder.path)
        result = self.conclude(
            finished=finished, stopped=stop is not None and stop.reason == STOP_PRESSED
        )
        self._show(self._follower.look(), result)
        self._tell(result)
        web_exchange.end(self._folder.path)
        if stop:
            self._progress.say(f"race: {stop.reason}")
        self._progress.say(f"web UI: {self._ui.url} shows the race until Ctrl-C")

    def _show(self, state: State, result: Result | None = None) -> None:
        self._clock.see(state)
        stop, verdict = read_stop(self._folder.path), result.verdict if result else None
        why = stop.reason if stop else ""
        web_exchange.show(self._folder.path, tables(self._facts, state, self._clock, verdict, why))
