"""How fast contacts are put in place, as far as the recent past can tell."""

from __future__ import annotations

from collections import deque

WINDOW_S = 20.0


class Rate:
    """Contacts per second over the last seconds of work.

    Contacts that were right already go by much faster than those that must be written. They have a
    rate of their own, and it counts only as long as nothing else was done.
    """

    def __init__(self, now_s: float) -> None:
        self._last_s = now_s
        self._worked = _Window()
        self._found = _Window()

    def add(self, contacts: int, now_s: float, *, found: bool) -> None:
        """Take into account that so many contacts are in place since the last call."""
        took_s, self._last_s = now_s - self._last_s, now_s
        (self._found if found else self._worked).add(contacts, took_s)

    def per_s(self) -> float | None:
        """Return contacts per second, None as long as nothing is known."""
        return self._worked.per_s() or self._found.per_s()


class _Window:
    """The latest batches that took no more than WINDOW_S together, but always one."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, float]] = deque()
        self._contacts = 0
        self._took_s = 0.0

    def add(self, contacts: int, took_s: float) -> None:
        self._batches.append((contacts, took_s))
        self._contacts += contacts
        self._took_s += took_s
        while len(self._batches) > 1 and self._took_s > WINDOW_S:
            oldest, oldest_s = self._batches.popleft()
            self._contacts -= oldest
            self._took_s -= oldest_s

    def per_s(self) -> float | None:
        return self._contacts / self._took_s if self._took_s > 0 else None
