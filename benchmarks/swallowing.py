"""What seeding keeps in memory: so many contacts are seeded into stores that keep nothing.

    python -m benchmarks.swallowing CONTACTS    # prints {"rss_bytes": …, "took_s": …}

Everything but the two backends and the connections to them is real: contacts are made, encoded for
COPY and for Convex, and their digests compared. `rss_bytes` is the most that was in memory.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

from dragstrip.config.config import Config, DatasetConfig
from seeding import seed as seeding
from seeding.dataset.digest import contact_digest, range_digest, ranges
from seeding.stores import convex_batches, postgres_copy
from seeding.stores.base import RangeDigest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from seeding.dataset.model import Context, Manifest, Workspace


class Batch(NamedTuple):
    """Contacts as a store takes them, and the digests of the ranges that they fill."""

    encoded: Any
    digests: dict[int, bytes]


class Swallowing:
    """A store that keeps the digests of what it was given, and nothing else."""

    def __init__(
        self, name: str, concurrency: int, encode: Callable[[Iterable[Context]], Any]
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self.page = 1024
        self._encode = encode
        self._digests: dict[int, bytes] = {}
        self._manifest: Manifest | None = None
        self._workspaces: list[Workspace] = []

    def read_manifest(self) -> Manifest | None:
        """Return what was written last."""
        return self._manifest

    def write_manifest(self, manifest: Manifest) -> None:
        """Keep it."""
        self._manifest = manifest

    def write_workspaces(self, workspaces: Sequence[Workspace]) -> None:
        """Keep them."""
        self._workspaces = list(workspaces)

    def read_workspaces(self, ids: Sequence[str]) -> list[Workspace]:  # noqa: ARG002
        """Return all of them."""
        return self._workspaces

    def remove_messages(self, prefix: str) -> int:  # noqa: ARG002
        """Remove none: there are none."""
        return 0

    def encode(self, contexts: Iterable[Context]) -> Batch:
        """Encode contacts for the backend, and take their digests."""
        digests: list[tuple[int, str]] = []

        def passing() -> Iterator[Context]:
            for context in contexts:
                digests.append((context["index"], contact_digest(context)))
                yield context

        encoded = self._encode(passing())
        first, last = digests[0][0], digests[-1][0] + 1
        found = {
            start: bytes.fromhex(range_digest(digests[start - first : stop - first]))
            for start, stop in ranges(first, last)
        }
        return Batch(encoded, found)

    def write(self, batch: Batch) -> None:
        """Keep the digests."""
        self._digests.update(batch.digests)

    def next_index(self, start: int) -> int | None:  # noqa: ARG002
        """Return None: nothing is there."""
        return None

    def range_digests(self, start: int, stop: int) -> list[RangeDigest]:
        """Return the digests of what was written."""
        return [
            RangeDigest(first, last - first, self._digests[first].hex())
            for first, last in ranges(start, stop)
            if first in self._digests
        ]

    def stop(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def main(argv: Sequence[str]) -> int:
    """Seed, print the memory that it took; return the exit code."""
    contacts = int(argv[0])
    stores = [
        Swallowing("Convex", 3, convex_batches.encode),
        Swallowing("Supabase", 4, postgres_copy.encode),
    ]

    @contextlib.contextmanager
    def open_stores(_: Config) -> Iterator[list[Swallowing]]:
        yield stores

    began = time.monotonic()
    with patch.object(seeding, "open_stores", open_stores):
        seeded = seeding.seed(Config(dataset=DatasetConfig(contacts=contacts)))
    if any(one.written != contacts for one in seeded.stores):
        raise SystemExit(f"not {contacts} contacts were written")
    rss = _most_rss()
    took_s = round(time.monotonic() - began, 1)
    sys.stdout.write(json.dumps({"rss_bytes": rss, "took_s": took_s}) + "\n")
    return 0


def _most_rss() -> int:
    # Not from getrusage: what the parent had in memory when it began this process counts there.
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None  # noqa: S101
    return int(found[1]) * 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
