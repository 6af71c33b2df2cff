"""What was seeded of another dataset goes when told to, and nothing else does."""

from __future__ import annotations

import pytest

from dragstrip.errors import BackendError
from seeding import seed as seeding
from seeding import verify as verification
from seeding.dataset.dataset import Dataset
from tests.unit.seeding.memory_store import KilledStore, MemoryStore
from tests.unit.seeding.test_seed import (
    Stores,
    assert_holds,
    config,
    of_somebody_else,
    opened,
    stores,
)

__all__ = ["stores"]


def test_another_seed_takes_the_place_of_what_is_there(stores: Stores) -> None:
    seeding.seed(config(700, seed=7))
    kept = Dataset(7, 0).workspaces()[3]["id"]
    other = of_somebody_else(kept)
    stores[0].others.append(other)
    result = seeding.seed(config(300), replace=True)
    assert [(one.written, one.removed) for one in result.stores] == [(300, 700)] * 2
    assert stores[0].others == [other]
    ours = {workspace["id"] for workspace in Dataset(42, 0).workspaces()}
    assert [set(store.tenants) for store in stores] == [ours | {kept}, ours]
    for store in stores:
        assert_holds(store, 300)


def test_of_the_same_dataset_only_the_surplus_goes(stores: Stores) -> None:
    seeding.seed(config(700))
    for store in stores:
        store.calls.clear()
    result = seeding.seed(config(300), replace=True)
    assert [(one.written, one.unchanged, one.removed) for one in result.stores] == (
        [(0, 300, 400)] * 2
    )
    assert all(store.written() == 0 for store in stores)
    for store in stores:
        assert_holds(store, 300)


def test_with_nothing_in_the_way_nothing_is_replaced(stores: Stores) -> None:
    seeding.seed(config(300))
    result = seeding.seed(config(700), replace=True)
    assert [(one.written, one.removed) for one in result.stores] == [(400, 0)] * 2


def test_one_side_alone_is_replaced(stores: Stores) -> None:
    seeding.seed(config(300))
    with opened(stores[1]):
        seeding.seed(config(300, seed=7), replace=True)
    result = seeding.seed(config(300), replace=True)
    assert [(one.written, one.removed) for one in result.stores] == [(0, 0), (300, 300)]


@pytest.mark.parametrize("left", [0, 200])
def test_interrupted_while_it_removes_it_says_to_replace_again(stores: Stores, left: int) -> None:
    class Dying(MemoryStore):
        def delete_contexts(self, start: int, stop: int) -> int:
            if start >= left:
                raise KilledStore
            return super().delete_contexts(start, stop)

    dying = Dying("Convex")
    with opened(dying):
        seeding.seed(config(700, seed=7))
        with pytest.raises(KilledStore):
            seeding.seed(config(700), replace=True)
        with pytest.raises(BackendError, match="seeded differently: seed 7, not 42") as refused:
            seeding.seed(config(700))
        assert "seed --replace" in (refused.value.fix or "")
        with pytest.raises(BackendError, match="half seeded"):
            verification.check_data(config(700, seed=7))
        left = 10**9
        seeding.seed(config(700), replace=True)
    assert_holds(dying, 700)


def test_interrupted_while_it_seeds_it_continues_without_being_told(stores: Stores) -> None:
    with opened(stores[0]):
        seeding.seed(config(700, seed=7))
        stores[0].dies_after = 1
        with pytest.raises(KilledStore):
            seeding.seed(config(700), replace=True)
        stores[0].dies_after = None
        seeding.seed(config(700))
    assert_holds(stores[0], 700)


def test_contacts_beyond_the_last_go_without_a_manifest_that_tells(stores: Stores) -> None:
    seeding.seed(config(300))
    stores[0].rows[10**6] = Dataset(42, 10**6 + 1).context(10**6)
    with pytest.raises(BackendError, match="beyond number 299") as refused:
        seeding.seed(config(300))
    assert "seed --replace" in (refused.value.fix or "")
    result = seeding.seed(config(300), replace=True)
    assert [one.removed for one in result.stores] == [1, 0]
    assert_holds(stores[0], 300)


def test_without_a_manifest_another_dataset_is_not_written_over(stores: Stores) -> None:
    seeding.seed(config(300, seed=7))
    for store in stores:
        store.manifest = None
        store.calls.clear()
    with pytest.raises(BackendError, match="Convex holds seeded contacts, has no manifest"):
        seeding.seed(config(300))
    assert [store.calls for store in stores] == [[], []]
    seeding.seed(config(300), replace=True)
    for store in stores:
        assert_holds(store, 300)


def test_without_a_manifest_what_is_right_is_kept(stores: Stores) -> None:
    seeding.seed(config(300))
    stores[0].manifest = None
    result = seeding.seed(config(300))
    assert [one.written for one in result.stores] == [0, 0]
    assert_holds(stores[0], 300)


def test_reset_finds_what_no_manifest_tells_of(stores: Stores) -> None:
    seeding.seed(config(300))
    stores[0].manifest = None
    stores[0].rows[10**9] = Dataset(42, 10**9 + 1).context(10**9)
    removed = seeding.reset(config(1))
    assert [(one.contacts, one.workspaces) for one in removed] == [(301, 4), (300, 4)]
    assert not stores[0].rows
