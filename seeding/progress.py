"""How far seeding has come: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_LINE_EVERY_S = 2.0


class Reporter(Protocol):
    """Hears of contacts that are in place. Called from several threads."""

    def start(self, name: str, contacts: int) -> None:
        """Begin to report on a store that is to hold so many contacts."""

    def advance(self, name: str, contacts: int) -> None:
        """Report more contacts in place."""


class Silent:
    """Says nothing."""

    def start(self, name: str, contacts: int) -> None:
        """Ignore."""

    def advance(self, name: str, contacts: int) -> None:
        """Ignore."""


@contextlib.contextmanager
def progress_on(console: Console) -> Iterator[Reporter]:
    """Return a reporter that suits the console."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bars(progress)


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def start(self, name: str, contacts: int) -> None:
        self._tasks[name] = self._progress.add_task(name, total=contacts, rate="")

    def advance(self, name: str, contacts: int) -> None:
        task = self._tasks[name]
        speed = self._progress.tasks[task].speed
        rate = f"{speed:,.0f}/s" if speed else ""
        self._progress.update(task, advance=contacts, rate=rate)


class _Lines:
    """One line a store every few seconds, and one when it is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._total: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._said_at: dict[str, float] = {}

    def start(self, name: str, contacts: int) -> None:
        with self._lock:
            self._total[name], self._done[name] = contacts, 0
            self._said_at[name] = time.monotonic()

    def advance(self, name: str, contacts: int) -> None:
        with self._lock:
            self._done[name] += contacts
            now = time.monotonic()
            finished = self._done[name] >= self._total[name]
            if finished or now - self._said_at[name] >= _LINE_EVERY_S:
                self._said_at[name] = now
                self._console.print(
                    f"{name}: {self._done[name]}/{self._total[name]} contacts", highlight=False
                )
