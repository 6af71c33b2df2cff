"""Which ranges to compare when a dataset is too large to compare all of it every time."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from seeding.dataset.digest import RANGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeding.dataset.dataset import Dataset

RANGES = 200
"""How many ranges are compared: all of a small dataset, as many of a large one."""


def sampled_ranges(dataset: Dataset) -> list[tuple[int, int]]:
    """Return RANGES ranges, the first and the last among them; all, if there are no more.

    The choice depends on the dataset alone.
    """
    count = count_ranges(dataset)
    if count <= RANGES:
        chosen = list(range(count))
    else:
        draw = random.Random(f"ranges of {dataset.seed}/{dataset.contacts}")  # noqa: S311
        inner = draw.sample(range(1, count - 1), RANGES - 2)
        chosen = [0, *sorted(inner), count - 1]
    return [(n * RANGE, min((n + 1) * RANGE, dataset.contacts)) for n in chosen]


def count_ranges(dataset: Dataset) -> int:
    """Return how many ranges a dataset has."""
    return -(-dataset.contacts // RANGE)


def pages_of(ranges: list[tuple[int, int]], width: int) -> Iterator[tuple[int, int]]:
    """Yield pages that hold these ranges and nothing else, each of at most `width` contacts."""
    start, stop = ranges[0]
    for first, last in ranges[1:]:
        if first != stop or last - start > width:
            yield start, stop
            start = first
        stop = last
    yield start, stop
