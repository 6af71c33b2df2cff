"""How far seeding or verifying has come, told in the way that suits who listens."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from seeding.progress_views import Bars, JsonLines, Lines, bars_on
from seeding.standing import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from seeding.standing import Phase


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


@contextlib.contextmanager
def progress_on(console: Console, *, as_json: bool = False) -> Iterator[Tally]:
    """Return a reporter that suits the console."""
    if as_json:
        yield Tally(JsonLines(console))
    elif not console.is_terminal:
        yield Tally(Lines(console))
    else:
        with bars_on(console) as progress:
            yield Tally(Bars(progress))
