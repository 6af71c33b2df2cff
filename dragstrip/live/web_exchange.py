"""What Locust's web UI and the race behind it tell each other, by files in the run's folder.

The process that serves the page writes down what its start form was given and waits for an answer;
it shows the tables that the race replaces once a second. Neither holds a secret.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from dragstrip import atomic_file

if TYPE_CHECKING:
    from pathlib import Path

WEB_VARIABLE = "DRAGSTRIP_WEB"
"""Set where Locust serves its web UI, and a race starts when its form says so."""
PASSWORD_VARIABLE = "DRAGSTRIP_WEB_PASSWORD"  # noqa: S105
USER_NAME = "dragstrip"

SETTINGS = ("rate", "pairs", "slice", "warmup", "keys", "miss")
"""What the start form asks for: fields of the section race."""

Row = dict[str, str | int]
Tables = dict[str, list[Row]]

_WISH, _ANSWER, _TABLES = "web-wish.json", "web-answer.json", "web-tables.json"
_OVER = "web-over"


@dataclass(frozen=True, slots=True)
class WebUi:
    """Where the web UI listens, and the password that it asks for, if any."""

    host: str
    port: int
    password: str | None = None

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{self.host}:{self.port}"


def serves_web() -> bool:
    """Whether this process belongs to a race that waits for its web UI's start form."""
    return WEB_VARIABLE in os.environ


def wish(folder: Path, settings: dict[str, str]) -> None:
    """Ask for a race with these settings, as they stand in the form. Raises OSError."""
    (folder / _ANSWER).unlink(missing_ok=True)
    atomic_file.write_json(folder / _WISH, settings)


def take_wish(folder: Path) -> dict[str, str] | None:
    """Return what was asked for since, once."""
    found = atomic_file.read_json(folder / _WISH)
    if found is not None:
        (folder / _WISH).unlink()
    return cast("dict[str, str] | None", found)


def answer(folder: Path, problem: str | None) -> None:
    """Say that the race is planned, or why it is not. Raises OSError."""
    atomic_file.write_json(folder / _ANSWER, {"problem": problem})


def read_answer(folder: Path) -> dict[str, str | None] | None:
    """Return the answer under "problem"; None while there is none."""
    return cast("dict[str, str | None] | None", atomic_file.read_json(folder / _ANSWER))


def show(folder: Path, tables: Tables) -> None:
    """Replace what the page shows, if the folder can be written to."""
    with suppress(OSError):
        atomic_file.write_json(folder / _TABLES, tables)


def shown(folder: Path) -> Tables:
    """Return what the page is to show."""
    return cast("Tables", atomic_file.read_json(folder / _TABLES) or {})


def end(folder: Path) -> None:
    """Say that what the page shows is final, if the folder can be written to."""
    with suppress(OSError):
        (folder / _OVER).touch()


def is_over(folder: Path) -> bool:
    """Whether what the page shows is final."""
    return (folder / _OVER).exists()


def clear(folder: Path) -> None:
    """Remove the files: nothing that is stored depends on them."""
    for name in (_WISH, _ANSWER, _TABLES, _OVER):
        atomic_file.remove(folder / name)
