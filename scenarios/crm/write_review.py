"""The review of a race that wrote: accounts, end state, and the removal of what it wrote."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from dragstrip.concurrency import StopSignal, all_of
from dragstrip.errors import BackendError, DataDiffers, StorageError
from dragstrip.run.model import StaleRead, Writes
from dragstrip.scenario import Finding
from dragstrip.scenario.numbered import drawn
from scenarios.crm.end_state import MOST_MESSAGES, EndState, too_many
from scenarios.crm.reads import MOST_STALE_READS, ReadCounts
from scenarios.crm.reconcile import account, attempts
from seeding.leftovers import remove_run
from seeding.stores import open_stores
from seeding.verify import check_data

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragstrip.config.config import Config
    from dragstrip.run.folder import RunFolder
    from scenarios.crm.messages import MessageMaker
    from scenarios.crm.reconcile import Attempts, WriteAccount
    from seeding.stores import Store

_READS_FILE = "reads-{}.json"


@dataclass(slots=True)
class Reviewed:
    """What a race wrote, by target, and what is wrong beside that."""

    writes: dict[str, Writes] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def store_reads(folder: Path, process: int, counts: Mapping[str, ReadCounts]) -> None:
    """Store what a process counted of its lookups. Raises StorageError."""
    path = folder / _READS_FILE.format(process)
    try:
        path.write_bytes(orjson.dumps(dict(counts)))
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}", fix="make room") from None


def review(
    config: Config,
    maker: MessageMaker,
    run: RunFolder,
    *,
    operation: int,
    keep_writes: bool,
) -> Reviewed:
    """Compare what both backends hold with what was sent, then remove what the run wrote.

    `operation` is the number of the one that writes. A backend that does not answer any more has
    proved nothing.
    """
    missing = _missing_rows(run)
    if missing:
        return Reviewed(findings=[Finding(missing)])
    plan = run.read_plan()
    targets = [target.name for target in plan.targets]
    numbers = plan.race.numbers
    reads = _reads(run.path)
    reviewed = Reviewed()
    stop = StopSignal()
    try:
        with open_stores(config) as stores:
            stop.wakers = [store.stop for store in stores]
            sides = [
                (store, attempts(run, targets.index(name), operation))
                for name, store in zip(config.targets, stores, strict=True)
            ]
            accounts = all_of(
                sides, lambda side: account(side[0], maker, side[1], numbers, stop), stop
            )
            for name, (_, sent), found in zip(config.targets, sides, accounts, strict=True):
                counts = reads.get(name, ReadCounts())
                reviewed.writes[name] = _writes(sent, found, counts, maker)
            reviewed.remarks += _remarks(dict(zip(config.targets, accounts, strict=True)))
            state = EndState(maker)
            pairs = list(zip(stores, accounts, strict=True))
            differences = all_of(pairs, lambda pair: state.difference(pair[0], pair[1], stop), stop)
            reviewed.findings += [Finding(one) for one in differences if one]
            if not keep_writes:
                all_of(pairs, lambda pair: _remove(pair[0], maker, pair[1]), stop)
        if not keep_writes:
            check_data(config)
    except (DataDiffers, BackendError) as error:
        reviewed.findings.append(Finding(error.message))
    return reviewed


def _remarks(accounts: Mapping[str, WriteAccount]) -> list[str]:
    """Say what the end states do not have in common, though each is as it must be."""
    said = []
    for name, other in itertools.permutations(accounts, 2):
        more = accounts[name].stored - accounts[other].stored - accounts[other].acknowledged
        if more:
            lacks = f"that {other} neither acknowledged nor stored"
            said.append(f"{name} stored {len(more):,} messages {lacks}.")
    crowded = {one for found in accounts.values() for one in too_many(found)}
    if crowded:
        said.append(
            f"{len(crowded):,} contacts with more than {MOST_MESSAGES:,} messages were not "
            "compared as a whole."
        )
    return said


def _remove(store: Store, maker: MessageMaker, found: WriteAccount) -> None:
    touched = {drawn(key) for key in found.attempted.values()}
    seeded = [index for index in touched if index < maker.dataset.contacts]
    remove_run(store, maker.prefix, maker.dataset, seeded)


def _writes(sent: Attempts, found: WriteAccount, counts: ReadCounts, maker: MessageMaker) -> Writes:
    worst = sorted(counts.worst, reverse=True)[:MOST_STALE_READS]
    return Writes(
        attempted=len(found.attempted),
        acknowledged=len(found.acknowledged),
        stored=len(found.stored),
        lost=len(found.lost),
        duplicated=len(found.duplicated),
        unexpected=len(found.unexpected),
        recovered=len(found.recovered),
        redelivered=sent.redelivered,
        retried=sent.retried,
        reads=counts.reads,
        stale=counts.stale,
        hidden=counts.hidden,
        stable_ms=counts.stable_ns / 1e6 if counts.reads else None,
        stale_reads=[StaleRead(at_s=at_s, age_ms=age_ms) for age_ms, at_s in worst],
        examples=found.examples(maker),
    )


def _reads(folder: Path) -> dict[str, ReadCounts]:
    """Add up what the processes counted. Raises StorageError."""
    total: dict[str, ReadCounts] = {}
    for path in sorted(folder.glob(_READS_FILE.format("*"))):
        for name, one in orjson.loads(path.read_bytes()).items():
            before, added = total.setdefault(name, ReadCounts()), ReadCounts(**one)
            before.reads += added.reads
            before.stale += added.stale
            before.hidden += added.hidden
            before.stable_ns = max(before.stable_ns, added.stable_ns)
            before.worst += map(tuple, added.worst)  # type: ignore[arg-type]
    return total


def _missing_rows(run: RunFolder) -> str | None:
    """Return why the ledger does not say all that was sent, if so."""
    finish = run.read_finish()
    counted = sum(one["rows"] for one in finish["workers"].values()) if finish else 0
    stored = sum(len(segment.rows) for segment in run.read_ledger())
    if stored >= counted:
        return None
    return (
        f"{counted - stored:,} of {counted:,} rows of the ledger are on other machines, so that "
        "what was sent cannot be compared with what is stored"
    )
