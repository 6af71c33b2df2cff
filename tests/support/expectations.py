"""What an operation expects, and the rows of its data, as the checks see both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from dragstrip.scenario import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Expect:
    status: Sequence[int] = ()
    same: bool = False
    ignore: Sequence[str] = ()
    unordered: Sequence[str] = ()
    tolerance: float | None = None
    schema_file: Path | None = None
    contains: Sequence[str] = ()
    matches: Sequence[str] = ()
    header: Mapping[str, str] = field(default_factory=dict)
    column: str | None = None
    at: str | None = None


@dataclass(frozen=True)
class MemoryTable:
    """Rows in memory."""

    rows: Sequence[Mapping[str, Any]] = ({},)

    @property
    def columns(self) -> Sequence[str]:
        return list(self.rows[0])

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, key: int) -> Mapping[str, Any]:
        return self.rows[key]


def reply(
    body: object = None,
    *,
    status: int = 200,
    kind: str = "application/json",
    headers: Mapping[str, str] = {},
) -> Reply:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return Reply(status, kind, "", raw, f"http/1.1 {status} ok\r\n{lines}".lower())
