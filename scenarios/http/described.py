"""What is asked, with everything that settings and files say of it put together.

It travels to the processes that make the load by handoff, as it may hold what stands in a copied
command: it is in no file of the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from dragstrip.errors import StorageError
from scenarios.http.settings import Expectation


@dataclass(frozen=True, slots=True)
class Body:
    """A body: a JSON document, a form's fields, or text."""

    kind: Literal["json", "form", "raw"]
    content: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class DescribedOperation:
    """One kind of request. `source` is the field or file that describes it.

    In a `copied` one, braces stand for themselves unless a column's name is between them.
    """

    name: str
    source: str
    method: str = "GET"
    path: str | None = None
    weight: float = 1.0
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: Body | None = None
    expect: Expectation = field(default_factory=Expectation)
    copied: bool = False


@dataclass(frozen=True, slots=True)
class DescribedTarget:
    """Where one target differs from the other."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """All operations; `sha256` is of the data file."""

    operations: list[DescribedOperation]
    targets: dict[str, DescribedTarget]
    data: Path | None = None
    sha256: str | None = None
    keep_failures: bool = False
    agreed: dict[str, Any] = field(default_factory=dict, repr=False)
    """What both targets answered alike before the race, as hashes."""

    def pack(self) -> bytes:
        """Return what `unpack` reads in another process."""
        return _ADAPTER.dump_json(self, by_alias=True)


_ADAPTER = TypeAdapter(Description)


def unpack(packed: bytes) -> Description:
    """Read what `pack` gave. Raises StorageError, which shows nothing of it."""
    try:
        return _ADAPTER.validate_json(packed)
    except ValidationError:
        raise StorageError("the requests that were handed over cannot be read") from None
