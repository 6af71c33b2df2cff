"""The dataset is pure, its rows are distinct, and its answers follow the contract."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tracemalloc
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeding.dataset.dataset import GENERATOR, Dataset
from seeding.dataset.digest import contact_digest, dataset_digest, ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeding.dataset.model import Context

GOLDEN = {
    "generator": "1",
    "seed 42, 1000 contacts": "fccaf9ff85a840c7cacb992a0086b706f9f905d42f9da0d8b89a4413514c40a9",
    "seed 7, 300 contacts": "255d6bf86abd28bd591c08605195e672087cb19f35a4d1f6d6d4ba437672c181",
    # Ranges of seed 42.
    "every 50th of 100,000": "9967b4c622cd4c5c6d6c40ec1b48d2df55ee50938dbffc303158d79dec197e56",
    "the last of a billion": "30728288ce548efb3b7f532b45d116013ea76340c738e64d505b190a19054283",
}

SEEDS = st.integers(0, 2**63 - 1)
INDICES = st.integers(0, 10**10 - 1)


def _ids(context: Context) -> Iterator[str]:
    yield context["contact"]["id"]
    if context["conversation"]:
        yield context["conversation"]["id"]
    yield from (message["id"] for message in context["messages"])
    yield from (note["id"] for note in context["notes"])


def test_the_data_of_this_generator_never_changes() -> None:
    found = {
        "generator": GENERATOR,
        "seed 42, 1000 contacts": Dataset(42, 1000).digest(),
        "seed 7, 300 contacts": Dataset(7, 300).digest(),
        "every 50th of 100,000": dataset_digest(
            Dataset(42, 100_000).range_digest(*bounds)
            for bounds in itertools.islice(ranges(0, 100_000), 0, None, 50)
        ),
        "the last of a billion": Dataset(42, 10**9).range_digest(10**9 - 128, 10**9),
    }
    assert found == GOLDEN, "data changed: give it a new GENERATOR"


def test_another_process_makes_the_same_contact() -> None:
    code = (
        "from seeding.dataset.dataset import Dataset;"
        "from seeding.dataset.digest import contact_digest;"
        "print(contact_digest(Dataset(42, 10**9).context(123_456_789)))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "99"},
    )
    assert other.stdout.strip() == contact_digest(Dataset(42, 10**9).context(123_456_789))


def test_making_data_needs_no_faker() -> None:
    code = (
        "import sys; from seeding.dataset.dataset import Dataset; Dataset(1, 10).digest();"
        "print('faker' in sys.modules)"
    )
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert other.stdout.strip() == "False"


@given(SEEDS, INDICES, INDICES)
def test_a_context_depends_on_seed_and_index_alone(seed: int, index: int, other: int) -> None:
    alone = Dataset(seed, 10**10).context(index)
    after = Dataset(seed, 10**10)
    after.context(other)
    assert after.context(index) == alone
    assert Dataset(seed, index + 1).context(index) == alone
    assert Dataset(seed, 10**10).workspace_id(index) == alone["contact"]["workspace_id"]


def test_a_caller_may_change_what_it_was_given() -> None:
    dataset = Dataset(3, 50)
    before = dataset.digest()
    for index in range(50):
        dataset.context(index)["contact"]["tags"].append("changed")
    dataset.workspaces()[0]["members"].clear()
    assert [contact_digest(c) for c in dataset.contexts(0, 50)] == [
        contact_digest(c) for c in Dataset(3, 50).contexts(0, 50)
    ]
    assert Dataset(3, 50).digest() == before


@given(SEEDS, st.integers(0, 10**9))
def test_two_seeds_share_no_contact(seed: int, index: int) -> None:
    other = Dataset((seed + 1) % 2**63, 10**10).context(index)
    here = Dataset(seed, 10**10).context(index)
    assert set(_ids(here)).isdisjoint(_ids(other))


@given(SEEDS, INDICES)
def test_a_mail_address_leads_back_to_its_index(seed: int, index: int) -> None:
    email = Dataset(seed, 10**10).context(index)["contact"]["email"]
    assert email is None or re.fullmatch(rf"[a-z]+\.[a-z]+{index}@[a-z.-]+", email)


def test_a_far_contact_takes_no_more_memory_than_a_near_one() -> None:
    near, far = Dataset(42, 10**10), Dataset(42, 10**10)
    near.context(0)
    assert _peak_bytes(far, range(9_999_999_000, 9_999_999_100)) < (
        2 * _peak_bytes(near, range(100))
    )


def _peak_bytes(dataset: Dataset, indices: range) -> int:
    """The most that making these contacts, one after the other, takes at once."""
    tracemalloc.start()
    try:
        for index in indices:
            dataset.context(index)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_nothing_is_shared_between_contacts() -> None:
    dataset = Dataset(11, 5_000)
    contexts = list(dataset.contexts(0, 5_000))
    ids = [one for context in contexts for one in _ids(context)]
    ids += [w["id"] for w in dataset.workspaces()]
    ids += [m["id"] for w in dataset.workspaces() for m in w["members"]]
    wamids = [m["kapso_message_id"] for c in contexts for m in c["messages"]]
    stored = [one for one in wamids if one is not None]
    emails = [c["contact"]["email"] for c in contexts if c["contact"]["email"]]
    for values in (ids, stored, emails, [c["contact"]["phone"] for c in contexts]):
        assert len(set(values)) == len(values) > 0


@given(SEEDS, INDICES)
def test_rows_are_well_formed(seed: int, index: int) -> None:
    dataset = Dataset(seed, 10**10)
    context = dataset.context(index)
    contact = context["contact"]
    assert contact["phone"] == dataset.phone(index)
    assert 0 <= contact["lead_score"] <= 100
    assert len(set(contact["tags"])) == len(contact["tags"]) <= 4
    assert all(str(uuid.UUID(one)) == one and uuid.UUID(one).version == 4 for one in _ids(context))
    for message in context["messages"]:
        inbound = message["direction"] == "inbound"
        assert inbound == (message["sender_type"] == "contact")
        assert inbound == (message["kapso_message_id"] is not None)
    workspace = {w["id"]: w for w in dataset.workspaces()}[contact["workspace_id"]]
    authors = {m["user_id"] for m in workspace["members"]}
    assert {n["author_id"] for n in context["notes"]} <= authors | {None}


@given(SEEDS, INDICES)
def test_no_text_holds_a_control_character(seed: int, index: int) -> None:
    """The digest separates fields with control characters, and Postgres stores no U+0000."""

    def texts(value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from itertools.chain.from_iterable(map(texts, value.values()))
        elif isinstance(value, list):
            yield from itertools.chain.from_iterable(map(texts, value))

    for text in texts(Dataset(seed, 10**10).context(index)):
        assert text
        assert text == text.strip()
        assert not any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in text)
        text.encode()


@given(SEEDS, INDICES)
def test_times_run_forward(seed: int, index: int) -> None:
    context = Dataset(seed, 10**10).context(index)
    contact, conversation = context["contact"], context["conversation"]
    assert contact["first_contact_date"] <= contact["created_at"]
    said = [m["created_at"] for m in context["messages"]]
    noted = [n["created_at"] for n in context["notes"]]
    opened = [conversation["created_at"]] if conversation else []
    for times in ([contact["created_at"], *noted], [contact["created_at"] - 1, *opened, *said]):
        assert all(earlier < later for earlier, later in itertools.pairwise(times))
        assert times[-1] < 1_767_225_600_000  # 2026: a message of today moves last_message_at on
    if conversation:
        assert conversation["last_message_at"] == (said[-1] if said else None)
    else:
        assert not said


@given(st.integers(0, 2_000))
def test_an_answer_follows_the_contract(index: int) -> None:
    dataset = Dataset(42, 1_000)
    answer = dataset.answer(index)
    if index >= 1_000:
        assert answer == {
            "found": False,
            "contact": None,
            "notes": [],
            "last_interaction": None,
            "recent_messages": [],
        }
        return
    context = dataset.context(index)
    contact = answer["contact"]
    fields = ("name", "kapso_name", "lead_status", "lead_score", "tags", "first_contact_date")
    assert {key: contact[key] for key in fields} == {
        key: dict(context["contact"])[key] for key in fields
    }
    newest_notes = sorted(context["notes"], key=lambda n: n["created_at"], reverse=True)[:5]
    newest = sorted(context["messages"], key=lambda m: m["created_at"], reverse=True)[:10]
    assert answer["notes"] == [note["content"] for note in newest_notes]
    assert [m["content"] for m in answer["recent_messages"]] == [m["content"] for m in newest]
    assert all(set(m) == {"content", "direction", "created_at"} for m in answer["recent_messages"])
    conversation = context["conversation"]
    last = conversation["last_message_at"] if conversation else None
    assert answer["last_interaction"] == last
    assert contact["is_returning"] is (last is not None)
    assert set(answer) == {"found", "contact", "notes", "last_interaction", "recent_messages"}
    assert set(contact) == {*fields, "is_returning"}


def test_an_index_of_nobody_has_no_context() -> None:
    with pytest.raises(IndexError):
        Dataset(42, 10).context(10)
    with pytest.raises(IndexError):
        Dataset(42, 10).context(-1)
    assert Dataset(42, 10).index(Dataset(42, 10).phone(10)) == 10


def test_workspaces_have_people_and_addresses_of_their_own() -> None:
    for seed in range(50):
        workspaces = Dataset(seed, 0).workspaces()
        assert len(workspaces) == 4
        for key in ("id", "name", "slug", "kapso_phone_id"):
            assert len({dict(w)[key] for w in workspaces}) == 4
        assert all(w["members"][0]["role"] == "owner" for w in workspaces)
        assert all(len(w["kapso_phone_id"]) == 15 for w in workspaces)
