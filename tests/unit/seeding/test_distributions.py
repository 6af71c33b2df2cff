"""The shares that docs/dataset.md states hold in the data."""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from seeding.dataset.dataset import Dataset
from seeding.dataset.pools import load_pools

if TYPE_CHECKING:
    from collections.abc import Callable

    from seeding.dataset.model import Context

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


def test_senders_are_as_documented(contexts: list[Context]) -> None:
    messages = [message for context in contexts for message in context["messages"]]
    shares: Counter[str] = Counter(message["sender_type"] for message in messages)
    for sender, percent in {"contact": 58, "agent": 31, "bot": 11}.items():
        assert shares[sender] / len(messages) == pytest.approx(percent / 100, abs=0.01)
    told = [message["message_type"] for message in messages if message["sender_type"] == "contact"]
    assert sum(kind != "text" for kind in told) / len(told) == pytest.approx(1 / 12, abs=0.01)


def test_messages_come_in_bursts(contexts: list[Context]) -> None:
    times = [[message["created_at"] for message in context["messages"]] for context in contexts]
    gaps_ms = [after - before for one in times for before, after in itertools.pairwise(one)]
    day_ms = 86_400_000
    # The longer kinds of gap reach into the shorter ones, by a share that follows from their ends.
    day, week = 600_000 / day_ms, 600_000 / (9 * day_ms)
    short = sum(gap <= 600_000 for gap in gaps_ms) / len(gaps_ms)
    assert short == pytest.approx(0.70 + 0.20 * day + 0.10 * week, abs=0.01)
    long = sum(gap > day_ms for gap in gaps_ms) / len(gaps_ms)
    assert long == pytest.approx(0.10 * 8 / 9, abs=0.01)
    assert max(gaps_ms) <= 9 * day_ms + 1


def test_one_note_in_eight_has_no_author(contexts: list[Context]) -> None:
    notes = [note for context in contexts for note in context["notes"]]
    missing = sum(note["author_id"] is None for note in notes)
    assert missing / len(notes) == pytest.approx(1 / 8, abs=0.01)


def test_scores_stay_in_the_range_of_their_status(contexts: list[Context]) -> None:
    documented = {
        "new": (0, 40), "cold": (5, 40), "warm": (35, 75),
        "hot": (65, 100), "converted": (76, 100), "lost": (0, 30),
    }  # fmt: skip
    found: dict[str, list[int]] = {}
    for context in contexts:
        contact = context["contact"]
        found.setdefault(contact["lead_status"], []).append(contact["lead_score"])
    assert {status: (min(all_), max(all_)) for status, all_ in found.items()} == documented


def test_languages_have_the_documented_weights() -> None:
    shares = Counter(id(locale) for locale in load_pools().locales)
    percents = sorted((round(100 * count / 1024) for count in shares.values()), reverse=True)
    assert percents == [68, 14, 6, 5, 3, 2, 1, 1]


def test_names_on_profiles_are_as_documented(contexts: list[Context]) -> None:
    profiles = [contact["kapso_name"] for contact in (c["contact"] for c in contexts)]
    emoji = set(load_pools().emoji)
    shares = {
        "dotted": sum(bool(re.fullmatch(r"[a-z]+\.[a-z]", name or "")) for name in profiles),
        "emoji": sum((name or "").rpartition(" ")[2] in emoji for name in profiles),
    }
    assert shares["dotted"] / len(profiles) == pytest.approx(0.26, abs=TOLERANCE)
    assert shares["emoji"] / len(profiles) == pytest.approx(0.20, abs=TOLERANCE)


def test_a_first_contact_lies_at_most_400_days_back(contexts: list[Context]) -> None:
    back_ms = [c["contact"]["created_at"] - c["contact"]["first_contact_date"] for c in contexts]
    assert 399 * 86_400_000 < max(back_ms) < 400 * 86_400_000
