"""Progress as bars on a terminal, as plain lines elsewhere, as JSON for machines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson
from rich.progress import BarColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from seeding.standing import Standing

_FIRST_MINUTE_S = 60.0


def bars_on(console: Console) -> Progress:
    """Return the screen that bars are drawn on."""
    fields = ("count", "rate", "left")
    columns = (TextColumn(f"{{task.fields[{name}]}}", justify="right") for name in fields)
    return Progress(TextColumn("{task.description}"), BarColumn(), *columns, console=console)


class Bars:
    """One bar a store."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def start(self, standing: Standing) -> None:
        """Add a bar."""
        if standing.store in self._tasks:
            self._progress.remove_task(self._tasks[standing.store])
        self._tasks[standing.store] = self._progress.add_task(
            standing.store, total=standing.of, **_fields(standing)
        )

    def show(self, standing: Standing) -> None:
        """Move a bar on."""
        task = self._tasks[standing.store]
        self._progress.update(task, completed=standing.contacts, **_fields(standing))


class _Sparing:
    """Lets through what is new enough: often at first, seldom in what takes an hour."""

    def __init__(self, every_s: float, later_s: float, clock: Callable[[], float]) -> None:
        self._every_s = every_s
        self._later_s = later_s
        self._clock = clock
        self._began_s = clock()
        self._said_s: dict[str, float] = {}

    def passes(self, standing: Standing) -> bool:
        now_s = self._clock()
        wait_s = self._every_s if now_s - self._began_s < _FIRST_MINUTE_S else self._later_s
        last_s = self._said_s.setdefault(standing.store, self._began_s)
        if not standing.finished and now_s - last_s < wait_s:
            return False
        self._said_s[standing.store] = now_s
        return True


class Lines:
    """One line a store every few seconds, and one when it is done."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._sparing = _Sparing(2.0, 10.0, clock)

    def start(self, standing: Standing) -> None:
        """Say nothing yet."""

    def show(self, standing: Standing) -> None:
        """Print a line when it is time for one."""
        if self._sparing.passes(standing):
            parts = [f"{standing.count} contacts {standing.done}", _rate(standing), _left(standing)]
            said = ", ".join(part for part in parts if part)
            self._console.print(f"{standing.store}: {said}", highlight=False, soft_wrap=True)


class JsonLines:
    """One object a line: event, store, phase, contacts, of, per_s, left_s."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._sparing = _Sparing(1.0, 1.0, clock)

    def start(self, standing: Standing) -> None:
        """Print that a store begins."""
        self._print("start", standing)

    def show(self, standing: Standing) -> None:
        """Print how far a store is when it is time to."""
        if self._sparing.passes(standing):
            self._print("done" if standing.finished else "progress", standing)

    def _print(self, event: str, standing: Standing) -> None:
        self._console.out(event_line(event, standing), highlight=False)


def event_line(event: str, standing: Standing) -> str:
    """Return an event about a store as one line of JSON."""
    rounded = {
        "per_s": None if standing.per_s is None else round(standing.per_s, 1),
        "left_s": None if standing.left_s is None else round(standing.left_s, 1),
    }
    fields = {
        "store": standing.store,
        "phase": standing.phase,
        "contacts": standing.contacts,
        "of": standing.of,
    }
    return orjson.dumps({"event": event, **fields, **rounded}).decode()


def _fields(standing: Standing) -> dict[str, Any]:
    count = f"{standing.count} {standing.done}"
    return {"count": count, "rate": _rate(standing), "left": _left(standing)}


def _rate(standing: Standing) -> str:
    return "" if standing.per_s is None else f"{standing.per_s:,.0f}/s"


def _left(standing: Standing) -> str:
    if standing.left_s is None or standing.finished:
        return ""
    minutes, seconds = divmod(round(standing.left_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left"
