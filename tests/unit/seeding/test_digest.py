"""The digest is the one that SQL and JavaScript compute: pinned here by hand, not by the code."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from seeding.dataset.dataset import Dataset
from seeding.dataset.digest import canonical, contact_digest, dataset_digest, range_digest, ranges

if TYPE_CHECKING:
    from seeding.dataset.model import Context

CONTEXT: Context = {
    "index": 7,
    "contact": {
        "id": "c-1",
        "workspace_id": "w-1",
        "phone": "628123",
        "name": None,
        "kapso_name": "Siti 🌸",
        "email": None,
        "lead_status": "warm",
        "lead_score": 62,
        "tags": ["a", "b"],
        "first_contact_date": 1,
        "created_at": 2,
    },
    "conversation": {
        "id": "v-1",
        "status": "open",
        "unread_count": 0,
        "last_message_at": None,
        "last_message_preview": None,
        "created_at": 3,
    },
    "messages": [
        {
            "id": "m-1",
            "direction": "inbound",
            "sender_type": "contact",
            "content": "Halo",
            "message_type": "text",
            "kapso_message_id": "wamid.1",
            "created_at": 4,
        }
    ],
    "notes": [{"id": "n-1", "author_id": None, "content": "x", "created_at": 5}],
}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_fields_stand_in_the_agreed_order() -> None:
    # "|" stands for the end of a field, "~" for null.
    expected = (
        "7|c-1|w-1|628123|~|Siti 🌸|~|warm|62|2|a|b|1|2|"
        "v-1|open|0|~|~|3|"
        "1|m-1|inbound|contact|Halo|text|wamid.1|4|"
        "1|n-1|~|x|5|"
    )
    assert canonical(CONTEXT) == expected.replace("|", "\x1f").replace("~", "\x1e")
    assert contact_digest(CONTEXT) == _sha256(canonical(CONTEXT))


def test_without_a_conversation_one_null_stands_in_its_place() -> None:
    bare: Context = {**CONTEXT, "conversation": None, "messages": [], "notes": []}
    assert canonical(bare).endswith("1\x1f2\x1f\x1e\x1f0\x1f0\x1f")


def test_ranges_and_dataset_are_digests_of_digests() -> None:
    assert range_digest([(0, "aa"), (2, "bb")]) == _sha256("0:aa\n2:bb\n")
    assert range_digest([]) == _sha256("")
    assert dataset_digest(["aa", "bb"]) == _sha256("aa\nbb\n")


def test_the_dataset_digest_is_made_of_aligned_ranges() -> None:
    dataset = Dataset(5, 300)
    by_hand = [
        "".join(f"{c['index']}:{_sha256(canonical(c))}\n" for c in dataset.contexts(*bounds))
        for bounds in ((0, 128), (128, 256), (256, 300))
    ]
    whole = "".join(f"{_sha256(text)}\n" for text in by_hand)
    assert dataset.digest() == _sha256(whole)
    assert Dataset(5, 0).digest() == _sha256("")


@given(st.integers(0, 1_000), st.integers(0, 1_000))
def test_ranges_cover_every_index_once(start: int, stop: int) -> None:
    found = list(ranges(start, stop))
    assert [index for a, b in found for index in range(a, b)] == list(range(start, stop))
    assert all(a // 128 == (b - 1) // 128 for a, b in found)


@given(st.integers(0, 10**9))
def test_growth_leaves_whole_ranges_as_they_are(index: int) -> None:
    start = index // 128 * 128
    small, large = Dataset(9, start + 128), Dataset(9, 10**10)
    assert small.range_digest(start, start + 4) == large.range_digest(start, start + 4)
