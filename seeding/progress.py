"""How far seeding or verifying has come: bars on a terminal, lines elsewhere, JSON for machines."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import orjson
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

Phase = Literal["seed", "verify", "remove"]

_DONE: dict[Phase, str] = {"seed": "in place", "verify": "compared", "remove": "removed"}

WINDOW_S = 60.0
"""The rate is that of so many seconds."""
_FIRST_MINUTE_S = 60.0


class Reporter(Protocol):
    """Hears how far the work on every store is. Called from several threads."""

    def start(self, name: str, contacts: int | None, phase: Phase) -> None:
        """Begin a phase of the work on a store, of so many contacts if that is known."""

    def advance(self, name: str, contacts: int, *, found: bool = False) -> None:
        """Report so many contacts more; `found` if they were right already."""


class Silent:
    """Says nothing."""

    def start(self, name: str, contacts: int | None, phase: Phase) -> None:
        """Ignore."""

    def advance(self, name: str, contacts: int, *, found: bool = False) -> None:
        """Ignore."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a store stands: `contacts` of `of` are done; `of` is None where it is not known."""

    store: str
    phase: Phase
    contacts: int
    of: int | None
    per_s: float | None = None
    left_s: float | None = None

    @property
    def words(self) -> str:
        """Where the store stands, as a sentence."""
        of = "" if self.of is None else f" of {self.of:,}"
        return f"{self.store} has {self.contacts:,}{of} contacts {_DONE[self.phase]}"

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.of is not None and self.contacts >= self.of


class SeedingProgress:
    """A reporter that knows where every store stands, and shows it in a view or as bars."""

    def __init__(
        self,
        view: Lines | JsonLines | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        bars: Progress | None = None,
    ) -> None:
        self._view = view
        # Without bars it draws nothing, and estimates speed and time all the same.
        self._progress = bars or Progress(
            disable=True, get_time=clock, speed_estimate_period=WINDOW_S
        )
        self._lock = threading.Lock()
        self._phases: dict[str, Phase] = {}
        self._tasks: dict[str, TaskID] = {}
        self._has_worked: set[str] = set()

    @property
    def standings(self) -> list[Standing]:
        """Where every store stands that has begun."""
        with self._lock:
            return [self._standing(name) for name in self._tasks]

    def start(self, name: str, contacts: int | None, phase: Phase) -> None:
        """Begin a phase of the work on a store, of so many contacts if that is known."""
        with self._lock:
            if name in self._tasks:
                self._progress.remove_task(self._tasks[name])
            self._tasks[name] = self._progress.add_task(name, total=contacts, done=_DONE[phase])
            # The speed is that between two samples: this is the first.
            self._progress.advance(self._tasks[name], 0)
            self._phases[name] = phase
            self._has_worked.discard(name)
            if self._view:
                self._view.start(self._standing(name))

    def advance(self, name: str, contacts: int, *, found: bool = False) -> None:
        """Report so many contacts more; `found` if they were right already."""
        with self._lock:
            self._advance(name, contacts, found)
            if self._view:
                self._view.show(self._standing(name))

    def _advance(self, name: str, contacts: int, found: bool) -> None:
        # What was right already goes by much faster than what must be written: its rate counts only
        # as long as nothing was written.
        task = self._task(name)
        if found == (name not in self._has_worked):
            self._progress.advance(task.id, contacts)
        elif found:
            task.completed += contacts
            self._progress.update(task.id)
        elif task.completed:
            self._has_worked.add(name)
            self._progress.reset(task.id, completed=int(task.completed) + contacts)
            self._progress.advance(task.id, 0)
        else:
            self._has_worked.add(name)
            self._progress.advance(task.id, contacts)

    def _task(self, name: str) -> Task:
        return next(task for task in self._progress.tasks if task.id == self._tasks[name])

    def _standing(self, name: str) -> Standing:
        task = self._task(name)
        of = None if task.total is None else int(task.total)
        per_s = task.finished_speed or task.speed
        return Standing(
            name, self._phases[name], int(task.completed), of, per_s, task.time_remaining
        )


@contextlib.contextmanager
def progress_on(console: Console, *, as_json: bool = False) -> Iterator[SeedingProgress]:
    """Return a reporter that suits the console."""
    if as_json:
        yield SeedingProgress(JsonLines(console))
    elif not console.is_terminal:
        yield SeedingProgress(Lines(console))
    else:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            _Count(),
            _Speed(),
            _Left(compact=True),
        )
        with Progress(*columns, console=console, speed_estimate_period=WINDOW_S) as bars:
            yield SeedingProgress(None, bars=bars)


class _Count(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{_count(task.completed, task.total)} {task.fields['done']}")


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(_rate(task.finished_speed or task.speed))


class _Left(TimeRemainingColumn):
    def render(self, task: Task) -> Text:
        is_open = task.total is not None and not task.finished
        return super().render(task).append(" left") if is_open else Text()


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
            count = f"{_count(standing.contacts, standing.of)} contacts {_DONE[standing.phase]}"
            parts = [count, _rate(standing.per_s), _left(standing)]
            line = ", ".join(part for part in parts if part)
            self._console.print(f"{standing.store}: {line}", highlight=False, soft_wrap=True)


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
    fields = {
        "event": event,
        "store": standing.store,
        "phase": standing.phase,
        "contacts": standing.contacts,
        "of": standing.of,
        "per_s": None if standing.per_s is None else round(standing.per_s, 1),
        "left_s": None if standing.left_s is None else float(standing.left_s),
    }
    return orjson.dumps(fields).decode()


def _count(contacts: float, of: float | None) -> str:
    return f"{contacts:,.0f}" if of is None else f"{contacts:,.0f}/{of:,.0f}"


def _rate(per_s: float | None) -> str:
    return "" if per_s is None else f"{per_s:,.0f}/s"


def _left(standing: Standing) -> str:
    if standing.left_s is None or standing.finished:
        return ""
    minutes, seconds = divmod(round(standing.left_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left"
