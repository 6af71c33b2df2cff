"""Prove that every backend holds the dataset, and that every target answers from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.errors import DataDiffers
from seeding.answers import SAMPLE, AnswerProof, check_answers, name_contact
from seeding.dataset import Dataset
from seeding.differences import first_difference
from seeding.digest import ranges
from seeding.expected import Expected
from seeding.manifests import require_complete
from seeding.side_by_side import Stop, all_of, for_each
from seeding.stores import open_stores

if TYPE_CHECKING:
    from dragstrip.config import Config
    from seeding.model import Manifest
    from seeding.stores import Store

_MEND = "run `dragstrip seed`: it mends what differs"


@dataclass(frozen=True, slots=True)
class DataProof:
    """Every one of `stores` holds, by the digests of what it has stored, what `manifest` says."""

    manifest: Manifest
    stores: list[str]


@dataclass(frozen=True, slots=True)
class Verified:
    """Both proofs: what is stored, and what is answered."""

    data: DataProof
    answers: AnswerProof


def verify(config: Config, *, sample: int = SAMPLE) -> Verified:
    """Compare data and answers with the dataset, and so with each other.

    Raises DataDiffers naming the first contact and field that differ, BackendError for a backend
    that is unreachable, refuses the key, or is not (or differently, or half) seeded.
    """
    return Verified(check_data(config), check_answers(config, sample=sample))


def check_data(config: Config) -> DataProof:
    """Compare what every backend has stored with the dataset, all of it, by its digests.

    Raises as `verify` does.
    """
    expected = Expected(Dataset(config.dataset.seed, config.dataset.contacts))
    stop = Stop()
    with open_stores(config) as stores:
        manifests = all_of(stores, lambda store: store.read_manifest(), stop)
        for store, manifest in zip(stores, manifests, strict=True):
            require_complete(store.name, manifest, expected.beginning)
        all_of(stores, lambda store: _check_store(store, expected, stop), stop)
        for store, manifest in zip(stores, manifests, strict=True):
            _check_digest(store.name, manifest, expected.manifest)
        return DataProof(expected.manifest, [store.name for store in stores])


def _check_store(store: Store, expected: Expected, stop: Stop) -> None:
    for _ in for_each(
        expected.pages(store.page),
        lambda page: _check_page(store, expected, page),
        at_once=store.concurrency,
        stop=stop,
    ):
        pass
    contacts = expected.dataset.contacts
    if more := store.count(contacts, contacts + store.page):
        raise DataDiffers(
            f"{store.name} holds {more} or more seeded contacts beyond the {contacts} of this "
            "dataset",
            fix="run `dragstrip seed --reset` with the dataset.contacts it was seeded with",
        )


def _check_page(store: Store, expected: Expected, page: tuple[int, int]) -> None:
    stored = {r.start: r.digest for r in store.range_digests(*page)}
    wanted = expected.ranges(*page)
    for start, stop in ranges(*page):
        if stored.get(start) != wanted[start]:
            raise _difference(store, expected, start, stop)


def _difference(store: Store, expected: Expected, start: int, stop: int) -> DataDiffers:
    """Walk from a range whose digest is wrong down to the first field that differs."""
    stored = store.contact_digests(start, stop)
    wanted = expected.contacts(start, stop)
    index = next((i for i in range(start, stop) if stored.get(i) != wanted[i]), None)
    if index is None:
        return DataDiffers(
            f"{store.name}: contacts {start} to {stop - 1} changed while they were read",
            fix="let nothing write to them meanwhile, and verify again",
        )
    name = name_contact(expected.dataset, index)
    found = store.contexts(index, index + 1)
    if not found:
        return DataDiffers(f"{store.name}: {name} is missing", fix=_MEND)
    difference = first_difference(expected.dataset.context(index), found[0])
    if difference is None:
        return DataDiffers(
            f"{store.name}: the digest of {name} is wrong, yet every field reads right",
            fix="deploy the backend's functions of this version",
        )
    return DataDiffers(f"{store.name}: {name}: {difference}", fix=_MEND)


def _check_digest(name: str, found: Manifest | None, wanted: Manifest) -> None:
    if found != wanted:
        raise DataDiffers(f"{name}: the manifest's digest is not that of the data", fix=_MEND)
