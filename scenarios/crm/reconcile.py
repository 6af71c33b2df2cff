"""After a race that wrote: what was acknowledged against what is stored, contact by contact.

The accounts are those of Jepsen's checkers `set-full` and `total-queue`; duplicates are counted by
a rule of our own, that no message may be stored more than once.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.concurrency import for_each
from dragstrip.ledger.rows import Flag, Outcome, select
from dragstrip.scenario.numbered import KEY_BITS, drawn, number_of
from scenarios.crm.messages import DIGITS
from seeding.diff import name_contact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from dragstrip.concurrency import StopSignal
    from dragstrip.run.folder import RunFolder
    from scenarios.crm.messages import MessageMaker
    from seeding.stores import Store

RANGE = 1024
"""Numbers of messages in one range; a backend has a digest for each."""
_PAGE = 32 * RANGE
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Attempts:
    """What was sent to one target, by the ledger: keys, and which of them were acknowledged."""

    keys: NDArray[np.int64]
    acknowledged: NDArray[np.bool_]
    redelivered: int
    retried: int


@dataclass(frozen=True, slots=True)
class WriteAccount:
    """What one target stored of a run. All are numbers of messages, or ids that fit none."""

    attempted: dict[int, int]
    """The key of each number that was sent."""
    acknowledged: frozenset[int]
    stored: frozenset[int]
    lost: list[int]
    duplicated: list[int]
    unexpected: list[str]
    recovered: list[int]

    def examples(self, maker: MessageMaker) -> dict[str, list[str]]:
        """Name the first of what went wrong, by account."""

        def name(number: int) -> str:
            contact = name_contact(maker.dataset, drawn(self.attempted[number]))
            return f"message {number} to {contact}"

        found = {
            "lost": [name(number) for number in self.lost[:_EXAMPLES]],
            "duplicated": [name(number) for number in self.duplicated[:_EXAMPLES]],
            "unexpected": self.unexpected[:_EXAMPLES],
        }
        return {account: names for account, names in found.items() if names}


def attempts(run: RunFolder, target: int, operation: int) -> Attempts:
    """Read what was sent to a target from the run's ledger. Raises StorageError."""
    parts = []
    for segment in run.read_ledger():
        rows = segment.rows
        is_ours = (rows["target"] == target) & (rows["operation"] == operation)
        parts.append(select(rows, is_ours & (rows["outcome"] != Outcome.UNSENT)))
    rows = np.concatenate(parts) if parts else np.empty(0, [("key", "i8")])
    if not len(rows):
        return Attempts(np.empty(0, np.int64), np.empty(0, np.bool_), 0, 0)
    is_again = (rows["flags"] & Flag.AGAIN) != 0
    is_acknowledged = np.isin(rows["outcome"], (Outcome.OK, Outcome.WRONG_DUPLICATE))
    keys, place = np.unique(rows["key"], return_inverse=True)
    acknowledged = np.zeros(len(keys), np.bool_)
    acknowledged[place[is_acknowledged]] = True
    # A message that is sent again was acknowledged before, or is tried once more.
    first_ok = np.isin(rows["key"], rows["key"][is_acknowledged & ~is_again])
    return Attempts(
        keys, acknowledged, int((is_again & first_ok).sum()), int((is_again & ~first_ok).sum())
    )


def account(
    store: Store, maker: MessageMaker, sent: Attempts, numbers: int, stop: StopSignal
) -> WriteAccount:
    """Compare what a store holds of a run with what was sent: digests first, ids where they differ.

    `numbers` is how many the run had to give away. Raises BackendError.
    """
    attempted = {number_of(key): key for key in sent.keys.tolist()}
    acknowledged = frozenset((sent.keys[sent.acknowledged] >> KEY_BITS).tolist())
    wanted: dict[int, list[int]] = defaultdict(list)
    for number in sorted(acknowledged):
        wanted[number // RANGE * RANGE].append(number)

    def differing(page: tuple[int, int]) -> list[int]:
        found = {one.start: one.digest for one in store.message_digests(maker.prefix, *page)}
        return [
            start
            for start in range(*page, RANGE)
            if found.get(start) != (_digest(maker, wanted[start]) if start in wanted else None)
        ]

    pages = [(start, start + _PAGE) for start in range(0, numbers, _PAGE)]
    wrong = {
        start
        for starts in for_each(pages, differing, at_once=store.concurrency, stop=stop)
        for start in starts
    }
    right = (numbers for start, numbers in wanted.items() if start not in wrong)
    counts = Counter(itertools.chain.from_iterable(right))
    unexpected = []
    for ids in for_each(
        sorted(wrong),
        lambda start: store.message_ids(maker.prefix, start, start + RANGE),
        at_once=store.concurrency,
        stop=stop,
    ):
        for one in ids:
            number = int(one[len(maker.prefix) :][:DIGITS])
            if number in attempted:
                counts[number] += 1
            else:
                unexpected.append(one)
    stored = frozenset(counts)
    return WriteAccount(
        attempted,
        acknowledged,
        stored,
        lost=sorted(acknowledged - stored),
        duplicated=sorted(number for number, count in counts.items() if count > 1),
        unexpected=unexpected,
        recovered=sorted(stored - acknowledged),
    )


def _digest(maker: MessageMaker, numbers: Iterable[int]) -> str:
    """Return the digest of these messages, each stored once."""
    ids = "".join(f"{maker.id(number)}\n" for number in numbers)
    return hashlib.sha256(ids.encode()).hexdigest()
