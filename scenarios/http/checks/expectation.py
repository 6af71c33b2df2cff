"""What the checks are built from: the `expect` of an operation, and the rows of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dragstrip.scenario import Reply


class ExpectedAnswer(Protocol):
    """The fields of `expect`; scenarios/http/settings.py reads them from the configuration."""

    @property
    def status(self) -> Sequence[int]:
        """The right statuses; any 2xx where there is none."""

    @property
    def same(self) -> bool:
        """Whether both targets must answer alike."""

    @property
    def ignore(self) -> Sequence[str]:
        """JSONPaths to what may differ between the targets."""

    @property
    def unordered(self) -> Sequence[str]:
        """JSONPaths to lists whose order means nothing."""

    @property
    def tolerance(self) -> float | None:
        """By how much numbers may differ; None where their types and digits must agree."""

    @property
    def schema_file(self) -> Path | None:
        """A file with a JSON Schema."""

    @property
    def contains(self) -> Sequence[str]:
        """Texts that the body holds."""

    @property
    def matches(self) -> Sequence[str]:
        """Regular expressions that match somewhere in the body."""

    @property
    def header(self) -> Mapping[str, str]:
        """Values of headers; an empty one only asks for the header."""

    @property
    def column(self) -> str | None:
        """The column of the data whose value is the right answer."""

    @property
    def at(self) -> str | None:
        """The JSONPath at which that value stands; the whole body where there is none."""


class ExplainedCheck(Protocol):
    """A check that can say why an answer fails."""

    def __call__(self, key: int, reply: Reply, /) -> int:
        """Return the ledger's Outcome."""

    def explain(self, key: int, reply: Reply, /) -> str:
        """Return what is wrong, with the field of `expect`; nothing where the answer is right."""
