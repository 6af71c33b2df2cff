"""Whatever happened to a backend on the way, seeding ends in the same data."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.errors import BackendError
from seeding import seed as seeding
from seeding import verify as verification
from seeding.dataset.dataset import Dataset
from tests.unit.seeding.memory_store import KilledStore, MemoryStore
from tests.unit.seeding.test_seed import assert_holds, config, of_somebody_else, opened

Event = tuple[str, int]

CONTACTS = st.sampled_from([1, 128, 200, 300, 450])
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["seed", "other seed", "replace", "kill", "damage", "lose", "move", "member", "forget"]
        ),
        st.integers(0, 500),
    ),
    max_size=7,
)


class Narrow(MemoryStore):
    """A store with many pages for few contacts."""

    page = 128


def happen(store: MemoryStore, event: Event, contacts: int) -> None:
    """Let one thing happen to a store, if it can."""
    kind, number = event
    seeded = sorted(store.rows)
    one = store.rows[seeded[number % len(seeded)]] if seeded else None
    if kind in {"seed", "other seed", "replace", "kill"}:
        store.dies_after = number % 4 if kind == "kill" else None
        wanted = config(contacts, seed=7 if kind == "other seed" else 42)
        with contextlib.suppress(KilledStore, BackendError):
            seeding.seed(wanted, replace=kind == "replace" or number % 3 == 0)
        store.dies_after = None
    elif kind == "forget":
        store.manifest = None
    elif kind == "member" and store.tenants:
        tenant = store.tenants[sorted(store.tenants)[number % len(store.tenants)]]
        tenant["members"] = tenant["members"][1:]
    elif one is not None and kind == "damage":
        one["contact"]["lead_score"] += 1
    elif one is not None and kind == "lose":
        del store.rows[one["index"]]
    elif one is not None and kind == "move":
        store.rows[10**7 + number] = {**store.rows.pop(one["index"]), "index": 10**7 + number}


@settings(max_examples=30)
@given(EVENTS, CONTACTS, CONTACTS, st.integers(0, 3))
def test_any_history_ends_in_the_same_data(
    events: list[Event], before: int, after: int, tenant: int
) -> None:
    store, intact = Narrow("Convex"), Narrow("Supabase")
    store.tears = True
    # Somebody has a contact in a workspace that is seeded, and wants to keep both.
    workspace = Dataset(7, 0).workspaces()[tenant]
    store.tenants[workspace["id"]] = workspace
    store.others.append(of_somebody_else(workspace["id"]))
    with opened(store):
        for event in events:
            happen(store, event, before)
    with opened(store, intact):
        seeding.seed(config(after), replace=True)
        proof = verification.check_data(config(after))
        assert proof.manifest["digest"] == Dataset(42, after).digest()
        assert_holds(store, after)
        seeding.reset(config(after))
    assert not store.rows
    assert store.others == [of_somebody_else(workspace["id"])]
    assert workspace["id"] in store.tenants
