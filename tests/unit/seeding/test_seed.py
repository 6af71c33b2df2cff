"""Seeding writes what is missing or wrong, and nothing else, wherever it starts from."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.config.config import Config, DatasetConfig
from dragstrip.errors import BackendError
from seeding import seed as seeding
from seeding import verify as verification
from seeding.dataset.dataset import Dataset
from seeding.stores.refusals import TooMuch
from tests.unit.seeding.memory_store import KilledStore, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeding.dataset.model import Context
    from seeding.stores import RangeDigest, Store

Stores = tuple[MemoryStore, MemoryStore]


def config(contacts: int = 700, seed: int = 42) -> Config:
    return Config(dataset=DatasetConfig(seed=seed, contacts=contacts))


@contextlib.contextmanager
def opened(*stores: MemoryStore) -> Iterator[None]:
    @contextlib.contextmanager
    def open_stores(_: Config) -> Iterator[list[Store]]:
        yield list(stores)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeding, "open_stores", open_stores)
        patch.setattr(verification, "open_stores", open_stores)
        yield


@pytest.fixture
def stores() -> Iterator[Stores]:
    pair = (MemoryStore("Convex"), MemoryStore("Supabase"))
    with opened(*pair):
        yield pair


def of_somebody_else(workspace_id: str) -> Context:
    """A contact that nobody has seeded."""
    context = Dataset(1234, 1).context(0)
    context["contact"]["workspace_id"] = workspace_id
    return context


def assert_holds(store: MemoryStore, contacts: int, seed: int = 42) -> None:
    dataset = Dataset(seed, contacts)
    assert store.contexts(0, 10**9) == [dataset.context(index) for index in range(contacts)]
    assert store.read_workspaces([one["id"] for one in dataset.workspaces()]) == (
        dataset.workspaces()
    )
    assert store.manifest is not None
    assert store.manifest["state"] == "complete"
    assert store.manifest["digest"] == dataset.digest()


def test_both_hold_the_dataset(stores: Stores) -> None:
    result = seeding.seed(config())
    for store, filled in zip(stores, result.stores, strict=True):
        assert_holds(store, 700)
        assert (filled.store, filled.written, filled.unchanged) == (store.name, 700, 0)


@pytest.mark.parametrize("most", [1, 100, 255])
def test_what_is_too_much_at_once_is_written_in_parts_and_learnt(stores: Stores, most: int) -> None:
    for store in stores:
        store.most = most
    seeding.seed(config())
    del stores[0].rows[3], stores[0].rows[600]
    seeding.seed(config())
    for store in stores:
        assert_holds(store, 700)
        # As often as a page can be halved, by each of the threads that meet it at once.
        assert store.calls.count("too much") <= 8 * store.concurrency


def test_a_contact_that_is_too_much_alone_ends_it(stores: Stores) -> None:
    stores[0].most = 0
    with pytest.raises(TooMuch, match="less, please"):
        seeding.seed(config())


def test_the_manifest_stands_first_and_last(stores: Stores) -> None:
    seeding.seed(config())
    for store in stores:
        assert store.calls[:2] == ["manifest seeding", "workspaces"]
        assert store.calls[-1] == "manifest complete"


def test_a_second_run_writes_nothing(stores: Stores) -> None:
    seeding.seed(config())
    for store in stores:
        store.calls.clear()
    result = seeding.seed(config())
    assert [(one.written, one.unchanged) for one in result.stores] == [(0, 700)] * 2
    assert [store.calls for store in stores] == [[], []]


@settings(max_examples=12)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_any_number_of_interruptions_ends_in_the_same_data(survived: list[int]) -> None:
    store = MemoryStore("Convex")
    with opened(store):
        for writes in survived:
            store.dies_after = writes
            with contextlib.suppress(KilledStore):
                seeding.seed(config(300))
        store.dies_after = None
        seeding.seed(config(300))
    assert_holds(store, 300)
    assert store.written() == 300, "nothing that was right is written again"


def test_an_interrupted_run_is_not_called_complete(stores: Stores) -> None:
    stores[0].dies_after = 1
    with pytest.raises(KilledStore):
        seeding.seed(config())
    assert stores[0].manifest is not None
    assert stores[0].manifest["state"] == "seeding"
    with pytest.raises(BackendError, match="Convex is half seeded"):
        verification.check_data(config())


def test_growth_adds_and_changes_nothing(stores: Stores) -> None:
    seeding.seed(config(300))
    before = stores[0].contexts(0, 300)
    result = seeding.seed(config(1_000))
    assert [(one.written, one.unchanged) for one in result.stores] == [(700, 300)] * 2
    assert stores[0].contexts(0, 300) == before
    for store in stores:
        assert_holds(store, 1_000)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (config(700, seed=7), "seeded differently: seed 42, not 7"),
        (config(300), "seeded with 700 contacts, more than the 300"),
    ],
)
def test_another_dataset_is_refused_before_anything_is_written(
    stores: Stores, other: Config, words: str
) -> None:
    seeding.seed(config())
    stores[0].calls.clear()
    with pytest.raises(BackendError, match=words) as refused:
        seeding.seed(other)
    assert "seed --replace" in (refused.value.fix or "")
    assert "seed --reset" in (refused.value.fix or "")
    assert stores[0].calls == []


def test_another_generator_is_refused(stores: Stores) -> None:
    seeding.seed(config())
    assert stores[1].manifest is not None
    stores[1].manifest["generator"] = "0"
    with pytest.raises(BackendError, match="Supabase was seeded differently: generator 0, not 1"):
        seeding.seed(config())


def test_one_side_refusing_leaves_the_other_alone(stores: Stores) -> None:
    with opened(stores[1]):
        seeding.seed(config(700, seed=7))
    with pytest.raises(BackendError, match="Supabase was seeded differently"):
        seeding.seed(config())
    assert stores[0].calls == []


def test_a_damaged_contact_alone_is_written_again(stores: Stores) -> None:
    seeding.seed(config())
    stores[0].rows[300]["notes"].append(
        {"id": "x", "author_id": None, "content": "not ours", "created_at": 1}
    )
    del stores[0].rows[500]
    stores[0].calls.clear()
    result = seeding.seed(config())
    assert [one.written for one in result.stores] == [2, 0]
    assert sorted(stores[0].calls) == [
        "delete 1",
        "manifest complete",
        "manifest seeding",
        "workspaces",
        "write 2",
    ]
    assert_holds(stores[0], 700)


def test_a_false_digest_in_the_manifest_is_put_right(stores: Stores) -> None:
    seeding.seed(config())
    assert stores[0].manifest is not None
    stores[0].manifest["digest"] = "0" * 64
    result = seeding.seed(config())
    assert [one.written for one in result.stores] == [0, 0]
    assert_holds(stores[0], 700)


def test_a_store_that_keeps_something_else_is_caught(stores: Stores) -> None:
    stores[1].breaks = True
    with pytest.raises(BackendError, match=r"Supabase: contacts .* are not what was written"):
        seeding.seed(config())
    assert stores[1].manifest is not None
    assert stores[1].manifest["state"] == "seeding"


def test_seeded_contacts_beyond_the_last_are_not_overlooked(stores: Stores) -> None:
    seeding.seed(config())
    stores[0].rows[700] = Dataset(42, 701).context(700)
    with pytest.raises(BackendError, match="beyond number 699"):
        seeding.seed(config())


def test_an_altered_workspace_is_put_right(stores: Stores) -> None:
    seeding.seed(config())
    altered = Dataset(42, 0).workspaces()[1]
    altered["members"][0]["role"] = "agent"
    stores[0].tenants[altered["id"]] = altered
    result = seeding.seed(config())
    assert [one.written for one in result.stores] == [0, 0]
    assert_holds(stores[0], 700)


def test_a_member_of_somebody_else_is_left_alone(stores: Stores) -> None:
    seeding.seed(config())
    mixed = Dataset(42, 0).workspaces()[1]
    mixed["members"].insert(0, {**mixed["members"][0], "id": "not ours"})
    stores[0].tenants[mixed["id"]] = mixed
    stores[0].calls.clear()
    seeding.seed(config())
    assert stores[0].calls == []


def test_another_seed_that_begins_meanwhile_is_noticed(stores: Stores) -> None:
    class Meddled(MemoryStore):
        def write(self, batch: list[Context]) -> None:
            super().write(batch)
            assert self.manifest is not None
            self.manifest["digest"] = "the mark of another writer"

    meddled = Meddled("Convex")
    with (
        opened(meddled),
        pytest.raises(BackendError, match="another `dragstrip seed` has begun on it"),
    ):
        seeding.seed(config())
    assert meddled.manifest is not None
    assert meddled.manifest["state"] == "seeding"


def test_a_fresh_store_is_asked_for_digests_once_a_page(stores: Stores) -> None:
    asked: list[tuple[int, int]] = []

    class CountedStore(MemoryStore):
        def range_digests(self, start: int, stop: int) -> list[RangeDigest]:
            asked.append((start, stop))
            return super().range_digests(start, stop)

    with opened(CountedStore("Convex")):
        seeding.seed(config())
    assert sorted(asked) == [(0, 256), (256, 512), (512, 700)]


def test_reset_removes_what_was_seeded(stores: Stores) -> None:
    seeding.seed(config(700, seed=7))
    kept = Dataset(7, 0).workspaces()[0]["id"]
    stores[0].others.append(of_somebody_else(kept))
    # A smaller dataset of another seed: what is there says how much there is to remove.
    removed = seeding.reset(config(10, seed=42))
    assert [(one.contacts, one.workspaces) for one in removed] == [(700, 3), (700, 4)]
    assert not stores[0].rows
    assert set(stores[0].tenants) == {kept}
    assert [store.manifest for store in stores] == [None, None]
    seeding.seed(config())
    for store in stores:
        assert_holds(store, 700)


def test_reset_of_nothing_removes_nothing(stores: Stores) -> None:
    assert [(one.contacts, one.workspaces) for one in seeding.reset(config())] == [(0, 0)] * 2
