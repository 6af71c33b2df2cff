"""How much is sent at once: halved when a backend has had too much, and raised slowly again."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_GROWS_AFTER = 16
_STEPS = 16


@dataclass(frozen=True, slots=True)
class BatchPermit:
    """What one transaction may hold. `epoch` counts the halvings before it."""

    rows: int
    epoch: int


class BatchPace:
    """Rows in a transaction and transactions side by side, shared by all threads of a store.

    Both start at their greatest. Each is 1 at the least, so that work never stops.
    """

    def __init__(self, *, rows: int, at_once: int) -> None:
        self._most_rows = rows
        self._most_at_once = at_once
        self.rows = rows
        self.at_once = at_once
        self._epoch = 0
        self._successes = 0
        self._active = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def permit(self) -> Iterator[BatchPermit]:
        """Wait until one more transaction may run, and yield what it may hold."""
        with self._changed:
            self._changed.wait_for(lambda: self._active < self.at_once)
            self._active += 1
            permit = BatchPermit(self.rows, self._epoch)
        try:
            yield permit
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def overloaded(self, permit: BatchPermit) -> None:
        """The backend was too busy: run fewer side by side, and once that is one, smaller ones."""
        with self._changed:
            if not self._is_news(permit):
                return
            if self.at_once > 1:
                self.at_once //= 2
            else:
                self.rows = max(1, self.rows // 2)

    def too_large(self, permit: BatchPermit, rows: int) -> None:
        """A transaction of so many rows was more than the backend takes."""
        with self._changed:
            if self._is_news(permit):
                self.rows = max(1, min(self.rows, rows) // 2)

    def succeeded(self) -> None:
        """After some of these in a row, dare a little more."""
        with self._changed:
            self._successes += 1
            if self._successes < _GROWS_AFTER:
                return
            self._successes = 0
            self.rows = min(self._most_rows, self.rows + max(1, self._most_rows // _STEPS))
            self.at_once = min(self._most_at_once, self.at_once + 1)
            self._changed.notify_all()

    def _is_news(self, permit: BatchPermit) -> bool:
        """Transactions that ran side by side fail together, and are one reason to slow down."""
        if permit.epoch != self._epoch:
            return False
        self._epoch += 1
        self._successes = 0
        return True
