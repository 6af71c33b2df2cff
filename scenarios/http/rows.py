"""The rows that keys stand for: of a data file, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Rows(Protocol):
    """Rows 0 to len - 1, each a value for every column."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns."""

    def __len__(self) -> int: ...

    def row(self, key: int) -> Mapping[str, Any]:
        """Return the values of a row by column."""


class NoRows:
    """Stands for the data where there is no file: one row without a column."""

    columns: Sequence[str] = ()

    def __len__(self) -> int:
        return 1

    def row(self, key: int) -> Mapping[str, Any]:  # noqa: ARG002
        """Return no values."""
        return {}
