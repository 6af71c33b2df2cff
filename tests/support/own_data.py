"""A keys file over the stand-ins' dataset: contacts that they know, and numbers that nobody has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.races import DATASET, sections

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.stand_in import StandIn

FOREIGN = 5
PHONES = [f"+62 {DATASET.phone(index)[2:]}" for index in range(DATASET.contacts)] + [
    f"+1 (555) 010-{index:04d}" for index in range(FOREIGN)
]
"""As they stand in the file: line 1 is a header, line 2 a comment."""


def keys_file(folder: Path) -> Path:
    """Write keys.csv."""
    lines = ["phone,workspace_id", "# of my own"]
    lines += [f"{phone},{DATASET.workspace_id(key)}" for key, phone in enumerate(PHONES)]
    path = folder / "keys.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def without_dataset(old: StandIn, new: StandIn, **settings: Any) -> dict[str, Any]:
    """Return a configuration that says nothing of seeded data."""
    document = sections(old.url, new.url, **settings)
    del document["dataset"]
    return document
