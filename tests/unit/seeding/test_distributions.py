"""The shares that docs/dataset.md states hold in the data."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from seeding.dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from seeding.model import Context

CONTACTS = 20_000
# Four standard errors of a share at this number of contacts; the data is fixed, so this is no luck.
TOLERANCE = 4 * 0.5 / CONTACTS**0.5


@pytest.fixture(scope="module")
def contexts() -> list[Context]:
    return list(Dataset(2024, CONTACTS).contexts(0, CONTACTS))


SHARES: dict[str, tuple[float, Callable[[Context], bool]]] = {
    "without a name": (0.12, lambda c: c["contact"]["name"] is None),
    "without a WhatsApp name": (0.14, lambda c: c["contact"]["kapso_name"] is None),
    "without an email": (0.38, lambda c: c["contact"]["email"] is None),
    "without a conversation": (0.15, lambda c: c["conversation"] is None),
    "with a conversation but no message": (
        0.05,
        lambda c: c["conversation"] is not None and not c["messages"],
    ),
    "more than 10 messages": (0.22, lambda c: len(c["messages"]) > 10),
    "without a note": (0.34, lambda c: not c["notes"]),
    "more than 5 notes": (0.08, lambda c: len(c["notes"]) > 5),
    "without a tag": (0.30, lambda c: not c["contact"]["tags"]),
    "four tags": (0.06, lambda c: len(c["contact"]["tags"]) == 4),
    "first contact before the record": (
        0.20,
        lambda c: c["contact"]["first_contact_date"] < c["contact"]["created_at"],
    ),
    "name beyond ASCII": (0.15, lambda c: not (c["contact"]["name"] or "").isascii()),
}


@pytest.mark.parametrize("name", SHARES)
def test_shares_are_as_documented(contexts: list[Context], name: str) -> None:
    expected, holds = SHARES[name]
    found = sum(map(holds, contexts)) / len(contexts)
    assert found == pytest.approx(expected, abs=TOLERANCE)


def test_statuses_are_as_documented(contexts: list[Context]) -> None:
    expected = {"new": 34, "cold": 24, "warm": 19, "hot": 9, "converted": 8, "lost": 6}
    found = Counter(c["contact"]["lead_status"] for c in contexts)
    assert set(found) == set(expected)
    for status, percent in expected.items():
        assert found[status] / len(contexts) == pytest.approx(percent / 100, abs=TOLERANCE)


def test_scores_follow_the_status(contexts: list[Context]) -> None:
    mean = {
        status: statistics.mean(
            c["contact"]["lead_score"] for c in contexts if c["contact"]["lead_status"] == status
        )
        for status in ("lost", "cold", "warm", "hot", "converted")
    }
    assert list(mean.values()) == sorted(mean.values())


def test_workspaces_have_unequal_shares(contexts: list[Context]) -> None:
    found = Counter(c["contact"]["workspace_id"] for c in contexts)
    shares = [found[workspace["id"]] / len(contexts) for workspace in Dataset(2024, 0).workspaces()]
    assert shares == pytest.approx([0.55, 0.25, 0.15, 0.05], abs=TOLERANCE)


def test_counts_have_long_tails(contexts: list[Context]) -> None:
    messages = [len(c["messages"]) for c in contexts]
    notes = [len(c["notes"]) for c in contexts]
    assert statistics.mean(messages) == pytest.approx(6.4, abs=0.3)
    assert statistics.mean(notes) == pytest.approx(1.87, abs=0.1)
    assert max(messages) == 40
    assert max(notes) == 12


def test_contacts_grow_more_numerous_over_four_years(contexts: list[Context]) -> None:
    year_ms = 365.25 * 86_400_000
    years = Counter(
        int((c["contact"]["created_at"] - 1_609_459_200_000) / year_ms) for c in contexts
    )
    shares = [years[n] / len(contexts) for n in range(4)]
    assert sum(shares) == 1
    assert shares == pytest.approx([1 / 16, 3 / 16, 5 / 16, 7 / 16], abs=TOLERANCE)
