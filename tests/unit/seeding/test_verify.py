"""Verification names the first thing that differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip.errors import BackendError, DataDiffers
from scenarios.crm.answers import choose_indices
from seeding import seed as seeding
from seeding.dataset.dataset import Dataset
from seeding.dataset.sampling import sampled_ranges
from seeding.verify import check_data
from tests.unit.seeding.memory_store import MemoryStore
from tests.unit.seeding.test_seed import Stores, config, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

DATASET = Dataset(42, 700)


def first_index(*, messages: int = 0, notes: int = 0) -> int:
    """The first contact past the first range with at least so many."""
    return next(
        c["index"]
        for c in DATASET.contexts(128, 700)
        if len(c["messages"]) >= messages and len(c["notes"]) >= notes
    )


@pytest.fixture
def seeded() -> Iterator[Stores]:
    pair = (MemoryStore("Convex"), MemoryStore("Supabase"))
    with opened(*pair):
        seeding.seed(config())
        yield pair


def test_equal_data_is_proven(seeded: Stores) -> None:
    proof = check_data(config())
    assert proof.stores == ["Convex", "Supabase"]
    assert proof.manifest["digest"] == DATASET.digest()


def test_an_altered_note_is_named(seeded: Stores) -> None:
    index = first_index(notes=2)
    context = DATASET.context(index)
    seeded[1].rows[index]["notes"][1]["content"] = "altered"
    with pytest.raises(DataDiffers) as found:
        check_data(config())
    assert found.value.exit_code == 1
    words = found.value.message
    assert words.startswith(f"Supabase: contact {index} (")
    assert context["contact"]["phone"] in words
    assert f'notes[1].content is "altered", expected "{context["notes"][1]["content"]}' in words


def test_a_missing_message_is_named(seeded: Stores) -> None:
    index = first_index(messages=3)
    del seeded[0].rows[index]["messages"][-1]
    last = len(DATASET.context(index)["messages"]) - 1
    with pytest.raises(DataDiffers, match=rf"Convex: .*messages\[{last}\] is nothing, expected"):
        check_data(config())


def test_a_missing_contact_is_named(seeded: Stores) -> None:
    del seeded[0].rows[699]
    with pytest.raises(DataDiffers, match=r"Convex: contact 699 \(.*\) is missing"):
        check_data(config())


def test_the_first_of_several_differences_is_named(seeded: Stores) -> None:
    for index in (600, 131, 130):
        seeded[0].rows[index]["contact"]["lead_score"] = 101
    with pytest.raises(DataDiffers, match=r"contact 130 .*contact\.lead_score is 101"):
        check_data(config())


def test_one_contact_too_many_is_noticed(seeded: Stores) -> None:
    seeded[1].rows[700] = Dataset(42, 701).context(700)
    with pytest.raises(DataDiffers, match="Supabase holds seeded contacts beyond the 700"):
        check_data(config())


def test_a_false_digest_in_the_manifest_is_noticed(seeded: Stores) -> None:
    assert seeded[0].manifest is not None
    seeded[0].manifest["digest"] = "0" * 64
    with pytest.raises(DataDiffers, match="Convex: the manifest's digest"):
        check_data(config())


def test_each_side_tells_its_first_difference(seeded: Stores) -> None:
    seeded[0].rows[130]["contact"]["lead_score"] = 101
    for index in (5, 640):
        del seeded[1].rows[index]
    with pytest.raises(DataDiffers) as found:
        check_data(config(), full=True)
    first, second = found.value.message.split("; ")
    assert first.startswith("Convex: contact 130 (")
    assert "contact.lead_score is 101" in first
    assert second.startswith("Supabase: contact 5 (")
    assert second.endswith("is missing")


def test_an_altered_workspace_is_named(seeded: Stores) -> None:
    workspace = DATASET.workspaces()[2]
    members = seeded[0].tenants[workspace["id"]]["members"]
    del members[1]
    del seeded[1].tenants[workspace["id"]]
    with pytest.raises(DataDiffers) as found:
        check_data(config())
    first, second = found.value.message.split("; ")
    assert first.startswith(f'Convex: workspace "{workspace["name"]}" ({workspace["id"]}): ')
    assert "members[1].id is " in first
    assert second.endswith(f"({workspace['id']}) is missing")
    members.insert(0, {**workspace["members"][0], "id": "of somebody else"})
    seeding.seed(config())
    assert check_data(config()).words == "every range"


def test_of_a_large_dataset_a_sample_is_compared_unless_all_is_asked_for(
    seeded: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seeding.dataset.sampling.RANGES", 3)
    proof = check_data(config())
    assert (proof.compared, proof.ranges, proof.words) == (3, 6, "3 of 6 ranges")
    chosen = {start for start, _ in sampled_ranges(DATASET)}
    inside = next(start for start in chosen if 0 < start < 640)
    outside = next(start for start in range(0, 700, 128) if start not in chosen)

    seeded[0].rows[outside]["contact"]["lead_score"] = 101
    assert check_data(config()).words == "3 of 6 ranges"
    with pytest.raises(DataDiffers, match=rf"Convex: contact {outside} \("):
        check_data(config(), full=True)
    seeded[1].rows[inside + 1]["contact"]["lead_score"] = 101
    with pytest.raises(DataDiffers, match=rf"Supabase: contact {inside + 1} \("):
        check_data(config())


def test_a_sample_holds_the_manifests_to_each_other(
    seeded: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seeding.dataset.sampling.RANGES", 3)
    assert seeded[1].manifest is not None
    seeded[1].manifest["digest"] = "0" * 64
    with pytest.raises(DataDiffers, match="Supabase: the manifest's digest"):
        check_data(config())


def test_an_unseeded_backend_is_no_difference(seeded: Stores) -> None:
    seeded[1].manifest = None
    with pytest.raises(BackendError, match="Supabase is not seeded") as found:
        check_data(config())
    assert found.value.exit_code == 2
    assert found.value.fix == "run `dragstrip seed`"


@pytest.mark.parametrize(
    ("contacts", "seed", "words"),
    [
        (700, 7, "seeded differently: seed 42, not 7"),
        (500, 42, "seeded with 700 contacts, dataset.contacts asks for 500"),
        (900, 42, "seeded with 700 contacts, dataset.contacts asks for 900"),
    ],
)
def test_another_dataset_is_named(seeded: Stores, contacts: int, seed: int, words: str) -> None:
    with pytest.raises(BackendError, match=words):
        check_data(config(contacts, seed))


def test_the_sample_is_the_same_each_time_and_has_misses() -> None:
    indices = choose_indices(DATASET, 100)
    assert indices == choose_indices(DATASET, 100)
    assert len(set(indices)) == 100
    assert sum(index >= 700 for index in indices) == 10
    assert len(choose_indices(Dataset(1, 3), 100)) == 13
    assert choose_indices(DATASET, 0) == []
