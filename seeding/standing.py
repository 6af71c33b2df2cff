"""Where every store stands, counted from what is reported of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from seeding.rate import Rate

if TYPE_CHECKING:
    from collections.abc import Callable


Phase = Literal["seed", "verify", "remove"]

_DONE: dict[Phase, str] = {"seed": "in place", "verify": "compared", "remove": "removed"}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a store stands: `contacts` of `of` are done; `of` is None where nobody knows."""

    store: str
    phase: Phase
    contacts: int
    of: int | None
    per_s: float | None = None
    left_s: float | None = None

    @property
    def count(self) -> str:
        """How many of how many, in digits."""
        return f"{self.contacts:,}" if self.of is None else f"{self.contacts:,}/{self.of:,}"

    @property
    def words(self) -> str:
        """Where the store stands, as a sentence."""
        of = "" if self.of is None else f" of {self.of:,}"
        return f"{self.store} has {self.contacts:,}{of} contacts {self.done}"

    @property
    def done(self) -> str:
        """What becomes of contacts in this phase."""
        return _DONE[self.phase]

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.of is not None and self.contacts >= self.of


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

    def start(self, name: str, contacts: int | None, phase: Phase) -> None:
        """Begin a phase of the work on a store, of so many contacts if that is known."""
        with self._lock:
            self._standings[name] = Standing(name, phase, 0, contacts)
            self._rates[name] = Rate(self._clock())
            self._view.start(self._standings[name])

    def advance(self, name: str, contacts: int, *, found: bool = False) -> None:
        """Report so many contacts more; `found` if they were right already."""
        with self._lock:
            rate, before = self._rates[name], self._standings[name]
            rate.add(contacts, self._clock(), found=found)
            done, per_s = before.contacts + contacts, rate.per_s()
            left_s = max(0, before.of - done) / per_s if per_s and before.of is not None else None
            standing = Standing(name, before.phase, done, before.of, per_s, left_s)
            self._standings[name] = standing
            self._view.show(standing)
