"""Where every store stands, counted from what is reported of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from seeding.rate import Rate

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a store stands: `contacts` of `of` are in place."""

    store: str
    contacts: int
    of: int
    per_s: float | None = None
    left_s: float | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.contacts >= self.of


class View(Protocol):
    """Shows where a store stands; called from one thread at a time."""

    def start(self, standing: Standing) -> None:
        """Show a store that begins."""

    def show(self, standing: Standing) -> None:
        """Show a store that has come further."""


class Tally:
    """A reporter that knows where every store stands, and shows it."""

    def __init__(self, view: View, clock: Callable[[], float] = time.monotonic) -> None:
        self._view = view
        self._clock = clock
        self._lock = threading.Lock()
        self._standings: dict[str, Standing] = {}
        self._rates: dict[str, Rate] = {}

    @property
    def standings(self) -> list[Standing]:
        """Where every store stands that has begun."""
        with self._lock:
            return list(self._standings.values())

    def start(self, name: str, contacts: int) -> None:
        """Begin to report on a store that is to hold so many contacts."""
        with self._lock:
            self._standings[name] = Standing(name, 0, contacts)
            self._rates[name] = Rate(self._clock())
            self._view.start(self._standings[name])

    def advance(self, name: str, contacts: int, *, found: bool = False) -> None:
        """Report more contacts in place; `found` if they were right already."""
        with self._lock:
            rate, before = self._rates[name], self._standings[name]
            rate.add(contacts, self._clock(), found=found)
            done, per_s = before.contacts + contacts, rate.per_s()
            left_s = (before.of - done) / per_s if per_s else None
            self._standings[name] = Standing(name, done, before.of, per_s, left_s)
            self._view.show(self._standings[name])
