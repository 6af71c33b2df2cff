"""Of a large dataset a spread of ranges is compared, the same one every time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seeding.dataset.dataset import Dataset
from seeding.dataset.sampling import RANGES, count_ranges, pages_of, sampled_ranges


@given(st.integers(1, 10**8))
def test_first_and_last_are_among_them(contacts: int) -> None:
    dataset = Dataset(42, contacts)
    chosen = sampled_ranges(dataset)
    assert chosen == sampled_ranges(Dataset(42, contacts))
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(RANGES, count_ranges(dataset))
    assert chosen[0][0] == 0
    assert chosen[-1][1] == contacts
    assert all(start % 128 == 0 and 0 < stop - start <= 128 for start, stop in chosen)


def test_up_to_25_600_contacts_it_is_all_of_them() -> None:
    chosen = sampled_ranges(Dataset(42, 25_600))
    assert sum(stop - start for start, stop in chosen) == 25_600
    assert sum(stop - start for start, stop in sampled_ranges(Dataset(42, 25_601))) < 25_600


def test_they_are_spread() -> None:
    starts = [start for start, _ in sampled_ranges(Dataset(42, 10**6))]
    tenths = [sum(n * 10**5 <= start < (n + 1) * 10**5 for start in starts) for n in range(10)]
    assert min(tenths) >= 5
    assert starts != [start for start, _ in sampled_ranges(Dataset(43, 10**6))]


@given(st.sets(st.integers(0, 40), min_size=1), st.sampled_from([128, 256, 1024]))
def test_pages_hold_these_ranges_and_nothing_else(numbers: set[int], width: int) -> None:
    ranges = [(n * 128, n * 128 + 128) for n in sorted(numbers)]
    pages = list(pages_of(ranges, width))
    assert all(stop - start <= width for start, stop in pages)
    assert [n for start, stop in pages for n in range(start // 128, stop // 128)] == sorted(numbers)
