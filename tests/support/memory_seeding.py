"""`dragstrip seed` of a million contacts into memory; it says "written" for each page."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from dragstrip.cli import main
from seeding import seed as seeding
from tests.unit.seeding.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.config.config import Config
    from seeding.dataset.model import Context
    from seeding.stores import Store


class Speaking(MemoryStore):
    """Says when it has written."""

    def write(self, batch: list[Context]) -> None:
        super().write(batch)
        sys.stdout.write("written\n")
        sys.stdout.flush()


@contextlib.contextmanager
def _open_stores(_: Config) -> Iterator[list[Store]]:
    yield [Speaking("Convex"), Speaking("Supabase")]


if __name__ == "__main__":
    # An address of its own, or the lab would have to be up.
    os.environ["CONVEX_URL"] = "http://127.0.0.1:1"
    vars(seeding)["open_stores"] = _open_stores
    sys.argv[1:1] = ["seed", "--config", "/dev/null", "--contacts", "1000000"]
    main.main()
