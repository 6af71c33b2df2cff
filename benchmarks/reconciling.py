"""How long it takes to reconcile a run's messages with what both backends of the lab hold.

    python -m benchmarks.reconciling [--messages N] [--contacts N] [--wrong]

The messages are written into both backends as a run would leave them; then the accounts are made
and the end state is compared, as after a race, and the time is printed as JSON. With `--wrong`, one
message in every thousand is left out, so that every digest differs and ids are asked for.

Exit code 1 when it takes longer than 30 s, or the accounts are wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import seeding_lab
from dragstrip.concurrency import StopSignal, all_of
from dragstrip.scenario.numbered import compose
from scenarios.crm.end_state import EndState
from scenarios.crm.messages import MessageMaker, with_messages
from scenarios.crm.reconcile import Attempts, account
from seeding.dataset.dataset import Dataset
from seeding.expected_digests import Expected
from seeding.stores import open_stores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scenarios.crm.messages import InboundMessage
    from scenarios.crm.reconcile import WriteAccount
    from seeding.dataset.model import Context
    from seeding.stores import Store

MOST_S = 30.0
_WRONG_ONE_IN = 1000
_BATCH = 1024


def main(argv: Sequence[str]) -> int:
    """Measure, print, and return the exit code."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.reconciling")
    made.add_argument("--messages", type=int, default=100_000)
    made.add_argument("--contacts", type=int, default=10_000)
    made.add_argument("--wrong", action="store_true")
    asked = made.parse_args(argv)
    dataset = Dataset(42, asked.contacts)
    maker = MessageMaker(dataset, "20250102T030405Z-bnch")
    keys = [int(compose(n, n * 7919 % asked.contacts)) for n in range(asked.messages)]
    absent = {n for n in range(asked.messages) if asked.wrong and n % _WRONG_ONE_IN == 0}
    sent = Attempts(np.array(keys, np.int64), np.ones(len(keys), np.bool_), 0, 0)
    with seeding_lab.running() as lab, open_stores(lab.config(asked.contacts)) as stores:
        stored = [maker(key) for n, key in enumerate(keys) if n not in absent]
        for store in stores:
            _fill(store, dataset, stored)
        stop, state = StopSignal(), EndState(maker)

        def reconcile(store: Store) -> tuple[float, WriteAccount, str | None]:
            began = time.monotonic()
            found = account(store, maker, sent, asked.messages, stop)
            return time.monotonic() - began, found, state.difference(store, found, stop)

        began = time.monotonic()
        results = all_of(stores, reconcile, stop)
        seconds = time.monotonic() - began
    is_right = all(
        found.lost == sorted(absent) and difference is None for _, found, difference in results
    )
    figures = {
        "messages": asked.messages,
        "contacts": asked.contacts,
        "lost": len(absent),
        "accounts_s": {s.name: round(one[0], 2) for s, one in zip(stores, results, strict=True)},
        "all_s": round(seconds, 2),
        "right": is_right,
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0 if is_right and seconds < MOST_S else 1


def _fill(store: Store, dataset: Dataset, messages: list[InboundMessage]) -> None:
    by_index: dict[int, list[InboundMessage]] = defaultdict(list)
    for message in messages:
        by_index[message.index].append(message)
    store.write_manifest(Expected(dataset).beginning)
    store.write_workspaces(dataset.workspaces())
    contexts = (_with_ids(dataset.context(i), by_index[i]) for i in range(dataset.contacts))
    for start in range(0, dataset.contacts, _BATCH):
        stop = min(start + _BATCH, dataset.contacts)
        store.write(store.encode([next(contexts) for _ in range(start, stop)]))
        sys.stderr.write(f"{store.name}: {stop:,} contacts\n")


def _with_ids(base: Context, messages: list[InboundMessage]) -> Context:
    """Return a contact with its messages, with the ids that a backend would have given them."""
    context = with_messages(base, messages)
    ids = _ids(base["index"])
    for row in (context["conversation"], *context["messages"]):
        if row and not row["id"]:
            row["id"] = next(ids)
    return context


def _ids(index: int) -> Iterator[str]:
    for n in range(1 << 12):
        yield f"{index:08x}-{n:04x}-4000-a000-000000000000"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
