"""A race that waits for the start form of its web UI, and the form as a browser would send it."""

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
        """Whether the web UI is there; fails if the race has ended."""
        assert self.raced.process.poll() is None, self.raced.process.communicate()
        with suppress(httpx.TransportError):
            return self.client.get("/login").status_code < 500
        return False

    def start(self, **settings: object) -> dict[str, Any]:
        """Press Start with these in the form, and return what Locust's page would show of it."""
        form = {name: str(value) for name, value in settings.items()}
        found: dict[str, Any] = self.client.post("/swarm", data=form).json()
        return found

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/stats/requests").json()
        return found

    def table(self, key: str = "race") -> list[dict[str, Any]]:
        """Return the rows of a tab."""
        rows: list[dict[str, Any]] = next(
            one["data"] for one in self.stats()["extended_stats"] if one["key"] == key
        )
        return rows

    def words(self) -> str:
        """Return the tab's first column."""
        return "\n".join(str(row["figure"]) for row in self.table())

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
    **race: Any,
) -> Iterator[WebRace]:
    """Race a server against itself, by its web UI; it is there when this yields."""
    port = locust_runs.free_port()
    flags = ("--web", "--web-port", port, *arguments)
    with racing(place, sections(server.url, server.url, **race), *flags, environ=environ) as raced:
        found = WebRace(raced, f"http://127.0.0.1:{port}")
        with closing(found.client):
            wait_until(found.answers)
            yield found
