"""The colour of each verdict in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dragstrip.run.model import Word

COLOURS: dict[Word, str] = {
    "adopt": "bold green",
    "better": "bold green",
    "equivalent": "bold cyan",
    "worse": "bold yellow",
    "inconclusive": "bold yellow",
    "invalid": "bold red",
}
