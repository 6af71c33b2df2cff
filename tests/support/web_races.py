"""A command that waits for its start form, and the form as a browser would send it."""

from __future__ import annotations

import signal
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx

from tests.lab.lab_homes import wait_until
from tests.support import locust_runs
from tests.support.races import racing, sections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.races import Raced
    from tests.support.stand_in import StandIn


class WebRace:
    """A race with its web UI, and a browser's session there."""

    def __init__(self, raced: Raced, url: str) -> None:
        self.raced = raced
        self.url = url
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=60)

    def answers(self) -> bool:
        """Whether the page is there; fails if the command has ended."""
        assert self.raced.process.poll() is None, self.raced.process.communicate()
        with suppress(httpx.TransportError):
            return self.client.get("/").status_code < 500
        return False

    def start(self, **settings: object) -> dict[str, Any]:
        """Press Start with these in the form, and return what the page would show of it."""
        return self.post("/start", **settings)

    def post(self, path: str, **settings: object) -> dict[str, Any]:
        """Send the form; `race__pairs` stands for race.pairs."""
        form = {name.replace("__", "."): str(value) for name, value in settings.items()}
        found: dict[str, Any] = self.client.post(path, json=form).raise_for_status().json()
        return found

    def state(self) -> dict[str, Any]:
        """Return what the page is told once a second."""
        found: dict[str, Any] = self.client.get("/state").json()
        return found

    def is_over(self) -> bool:
        """Whether the race is over, its report is there and another may be started."""
        state = self.state()
        return bool(state.get("is_over") and not state["control"]["is_racing"])

    def end(self) -> int:
        """Press Ctrl-C in its terminal; return the exit code."""
        self.raced.process.send_signal(signal.SIGINT)
        return self.raced.code


@contextmanager
def web_race(
    place: Path,
    server: StandIn,
    *arguments: str,
    environ: dict[str, str] | None = None,
    others: dict[str, dict[str, str]] | None = None,
    **race: Any,
) -> Iterator[WebRace]:
    """Race a server against itself, by its web UI; it is there when this yields.

    `others` are targets that are configured beside.
    """
    port = locust_runs.free_port()
    flags = ("--web", "--web-port", port, *arguments)
    configuration = sections(server.url, server.url, **race)
    configuration["targets"] |= others or {}
    with racing(place, configuration, *flags, environ=environ) as raced:
        found = WebRace(raced, f"http://127.0.0.1:{port}")
        with closing(found.client):
            wait_until(found.answers)
            yield found
