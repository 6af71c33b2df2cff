"""Races that are started from a browser: one command, one preparation, as many races as wished.

All that `dragstrip race --web` adds to a race is here. A race itself knows nothing of it: it is
started with a configuration, and asks whether it is to stop.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Protocol

from flask import request

from dragstrip.errors import DragstripError
from dragstrip.live import locust_tab
from dragstrip.live.page_server import Watched, application, as_json, serving
from dragstrip.race.choices import Choices
from dragstrip.race.start_form import StartForm

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.config.config import Config
    from dragstrip.race.monitor import Result
    from dragstrip.race.setup import Admitted, Setup
    from dragstrip.run.folder import RunFolder

    class Race(Protocol):
        """Runs a prepared race to its end; tells the folder that it is stored in as it begins."""

        def __call__(
            self,
            setup: Setup,
            *,
            begun: Callable[[RunFolder], None],
            is_stopped: Callable[[], bool],
        ) -> Result:
            """Return how it ended."""


STOP_PRESSED = "Stop was pressed in the web UI"


class WebSession:
    """A form, and the races that it starts one after the other.

    `setup` is what was prepared of `configured`; the form may ask for another of its races, which
    `admit` refuses by raising. `race` asks several times a second whether to stop. `tell` is called
    with each result.
    """

    def __init__(
        self,
        configured: Config,
        setup: Setup,
        *,
        admit: Callable[[Config], Admitted],
        race: Race,
        tell: Callable[[Result], None],
        say: Callable[[str], None],
    ) -> None:
        assert setup.options.web is not None  # noqa: S101
        self._ui = setup.options.web
        self._pages = setup.options.pages
        self._choices = Choices(configured, setup, admit)
        self._form = StartForm(self._choices)
        self._race = race
        self._tell = tell
        self._say = say
        self._step = ""
        self._asked: queue.Queue[Config] = queue.Queue()
        self._lock = threading.Lock()
        self._is_racing = False
        self._stop = threading.Event()
        self._trouble = ""
        self._folder: RunFolder | None = None
        self._watched = Watched(lambda: self._folder)

    def serve(self) -> Result:
        """Serve the page until Ctrl-C, and return the last race.

        Raises KeyboardInterrupt where there was none, and UsageError where the port is taken.
        """
        result: Result | None = None
        app = application(self._watched, password=self._ui.password, control=self._control)
        app.add_url_rule("/form", "form", lambda: as_json(self._form.page()))
        app.add_url_rule("/check", "check", self._check, methods=["POST"])
        app.add_url_rule("/start", "start", self._start, methods=["POST"])
        app.add_url_rule("/stop", "stop", self._press_stop, methods=["POST"])
        if self._pages:
            locust_tab.add(app, self._pages)
        with serving(app, self._ui):
            self._say(f"web UI: {self._ui.url} starts the race; Ctrl-C ends both")
            try:
                while True:
                    result = self._one(self._asked.get()) or result
                    if result and result.unfinished == "interrupted" and not self._stop.is_set():
                        return result
                    self._say(f"web UI: {self._ui.url} shows the race until Ctrl-C")
            except KeyboardInterrupt:
                if result is None:
                    self._say("race: none was started, so none is stored")
                    raise
        return result

    def say(self, line: str) -> None:
        """Report a step of a preparation, on the page as well."""
        self._step = line
        self._say(line)

    def _one(self, config: Config) -> Result | None:
        try:
            setup = self._choices.prepared(config, self)
            result = self._race(setup, begun=self._show, is_stopped=self._stop.is_set)
            self._tell(result)
        except DragstripError as error:
            # The page stays: another start may be what helps.
            self._trouble = f"{error.message}. {error.fix or ''}".strip()
            self._say(f"race: {self._trouble}")
            return None
        finally:
            with self._lock:
                self._is_racing = False
        if self._stop.is_set():
            self._say(f"race: {STOP_PRESSED}")
        return result

    def _show(self, folder: RunFolder) -> None:
        self._folder = folder

    def _control(self) -> dict[str, Any]:
        return {"is_racing": self._is_racing, "step": self._step, "trouble": self._trouble}

    def _check(self) -> Any:
        _, said = self._form.looked_at(request.get_json())
        return as_json(said)

    def _start(self) -> Any:
        with self._lock:
            if self._is_racing:
                return as_json({"problems": {}, "problem": "This race is under way."})
            config, said = self._form.looked_at(request.get_json())
            if config is not None:
                self._is_racing = True
                self._trouble, self._step = "", "getting ready"
                self._stop.clear()
                self._form.config = config
                self._asked.put(config)
        return as_json({**said, "started": config is not None})

    def _press_stop(self) -> Any:
        self._stop.set()
        return as_json({})
