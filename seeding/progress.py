"""How far seeding or verifying has come, told in the way that suits who listens."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from seeding.progress_views import Bars, JsonLines, Lines, bars_on
from seeding.standing import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console


class Reporter(Protocol):
    """Hears of contacts that are in place. Called from several threads."""

    def start(self, name: str, contacts: int) -> None:
        """Begin to report on a store that is to hold so many contacts."""

    def advance(self, name: str, contacts: int, *, found: bool = False) -> None:
        """Report more contacts in place; `found` if they were right already."""


class Silent:
    """Says nothing."""

    def start(self, name: str, contacts: int) -> None:
        """Ignore."""

    def advance(self, name: str, contacts: int, *, found: bool = False) -> None:
        """Ignore."""


@contextlib.contextmanager
def progress_on(console: Console, *, done: str = "", as_json: bool = False) -> Iterator[Tally]:
    """Return a reporter that suits the console; `done` is what becomes of contacts, for lines."""
    if as_json:
        yield Tally(JsonLines(console))
    elif not console.is_terminal:
        yield Tally(Lines(console, done))
    else:
        with bars_on(console) as progress:
            yield Tally(Bars(progress))
