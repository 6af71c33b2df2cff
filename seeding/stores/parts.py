"""A range of contacts asked for in parts, as large as the backend takes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seeding.stores.refusals import TooMuch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Parts:
    """The width of a part, shared by the calls of a store: halved where one was too much.

    Without a width to begin with, the whole range is asked for first.
    """

    def __init__(self, width: int | None = None) -> None:
        self._width = width

    def each(
        self, ask: Callable[[int, int], Any], start: int, stop: int, least: int = 1
    ) -> Iterator[Any]:
        """Yield what `ask` returns for one part of the range after the other.

        What is too much for one call is asked for in halves, down to `least` contacts; then
        TooMuch is raised.
        """
        while start < stop:
            width = stop - start if self._width is None else self._width
            end = min(start + max(least, width), stop)
            try:
                found = ask(start, end)
            except TooMuch:
                if end - start <= least:
                    raise
                self._width = max(least, (end - start) // 2)
            else:
                yield found
                start = end
