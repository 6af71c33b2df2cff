"""Lookups of seeded contacts: the dataset says whom to ask for and what is right."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson
from rich.console import Console

from dragstrip.errors import BackendError, ConfigError, DataDiffers, PreflightError
from dragstrip.run.model import Facts
from dragstrip.scenario.check import JsonCheck, canonical, expected_json, table_bits_for
from scenarios.crm.answers import check_answers
from scenarios.crm.wrong_key import refuses_wrong_key
from seeding.dataset.dataset import Dataset
from seeding.dataset.local_pools import faker_of, pools_file
from seeding.leftovers import remove_leftovers
from seeding.progress import progress_on
from seeding.seed import seed
from seeding.stores import open_stores
from seeding.verify import check_data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.config.config import Config, DatasetConfig
    from dragstrip.run.folder import RunFolder
    from dragstrip.scenario import Progress, Target
    from scenarios.crm.lookup_kind import LookupKind
    from seeding.dataset.model import Manifest
    from seeding.verify import DataProof

_ANSWERS = 40
_NEW = 200
_SAME_DATA = "seed both times with the same dataset.seed and dataset.contacts"


class SeededContacts:
    """The contacts of a dataset. In the lab, what is missing is seeded first."""

    has_misses = True

    def __init__(self, config: Config) -> None:
        self._config = config
        self._dataset = Dataset.of(config.dataset)
        self.keys = self._dataset.contacts
        self.phone, self.workspace_id = self._dataset.phone, self._dataset.workspace_id
        self.check = self._check(canonical)

    def check_of(self, kind: LookupKind) -> JsonCheck:
        """Return the check of a kind's answers: one for all kinds whose bodies are alike."""
        return self._check(kind.form(canonical)) if kind.has_envelope else self.check

    def _check(self, form: Callable[[object], bytes]) -> JsonCheck:
        return JsonCheck(
            expected_json(self._dataset.answer), form=form, table_bits=table_bits_for(self.keys)
        )

    def validate(self) -> None:
        """Accept every configuration: its sections are checked when they are read."""

    def prepare(self, targets: Sequence[Target], progress: Progress) -> Facts:
        """Seed the lab if need be, and prove that both backends hold the dataset."""
        if self._config.environment.dragstrip_lab:
            _seed_if_needed(self._config, progress)
        progress.say("preflight: keys, data and answers of both targets")
        return facts_of(_preflight(self._config, targets, self._dataset, progress))

    def review(self, run: RunFolder) -> str | None:  # noqa: ARG002
        """Return how the backends' data differs from the dataset by now.

        A backend that does not answer any more has not proved that it held the data throughout.
        """
        try:
            check_data(self._config)
        except (DataDiffers, BackendError) as error:
            return error.message
        return None

    def handoff(self) -> bytes | None:
        """Return which names Faker made; all else of the dataset follows from the plan."""
        locales = self._dataset.locales
        if not locales:
            return None
        return orjson.dumps({"generator": self._dataset.generator, "faker": faker_of(locales)})

    def receive(self, handoff: bytes | None) -> None:
        """Compare the names with those of `handoff`. Raises ConfigError where they are others."""
        if handoff is None:
            return
        locales, theirs = self._dataset.locales, orjson.loads(handoff)
        if self._dataset.generator != theirs["generator"]:
            raise ConfigError(
                f"dataset.locales: the names were made by Faker {faker_of(locales)} here, and by "
                f"Faker {theirs['faker']} where the race was prepared: they differ",
                fix=f'run `pip install "faker=={theirs["faker"]}"` here, and remove '
                f"{pools_file(locales)}",
            )

    def first_check_s(self) -> float:
        """Measure what it takes to make an answer that was not asked for before."""
        started = time.process_time()
        keys = range(min(_NEW, self.keys))
        for key in keys:
            canonical(self._dataset.answer(key))
        return (time.process_time() - started) / len(keys)


def facts_of(proof: DataProof) -> Facts:
    """Return what a proof of both backends' data says."""
    manifest = proof.manifest
    part = "" if proof.compared >= proof.ranges else f" ({proof.words} of contacts were compared)"
    how_many = "all" if proof.compared >= proof.ranges else proof.words.removesuffix(" ranges")
    return Facts(
        data=f"{manifest['contacts']:,} contacts of seed {manifest['seed']}{part}",
        answers="right",
        proof=(
            "Both backends name this digest of the whole data. Before the first timed request they "
            f"computed, from what they store, the digests of {how_many} ranges of contacts; each "
            "was compared with what the seed gives, and so was a sample of answers."
        ),
        digest=manifest["digest"],
        values={
            "seed": manifest["seed"],
            "contacts": manifest["contacts"],
            "generator": manifest["generator"],
            "compared": proof.compared,
            "ranges": proof.ranges,
        },
        alike=["seed", "contacts", "generator"],
        alike_fix=_SAME_DATA,
        unchanged="After the last one, the digests were compared again and were the same.",
        commands=["seed", "verify"],
    )


def _preflight(
    config: Config, targets: Sequence[Target], dataset: Dataset, progress: Progress
) -> DataProof:
    try:
        # One lookup of a number that does not exist: it needs the target and the key, but no data.
        check_answers(config, sample=1)
        for target in targets:
            refuses_wrong_key(target, dataset.phone(0), dataset.workspace_id(0), config.race)
        if left := remove_leftovers(config):
            progress.say(f"seed: an earlier race left {left:,} messages: restoring their contacts")
            _seed(config)
        proof = check_data(config)
        check_answers(config, sample=_ANSWERS)
    except DataDiffers as difference:
        raise PreflightError(difference.message, fix=difference.fix) from None
    return proof


def _seed_if_needed(config: Config, progress: Progress) -> None:
    wanted = config.dataset
    with open_stores(config) as stores:
        found = [store.read_manifest() for store in stores]
    # What is there and called complete is left alone: if it was changed, the preflight says so.
    if not all(manifest and _holds(manifest, wanted) for manifest in found):
        progress.say(f"seed: {wanted.contacts} contacts into both backends")
        _seed(config)


def _seed(config: Config) -> None:
    with progress_on(Console(stderr=True, highlight=False)) as reporter:
        seed(config, reporter)


def _holds(manifest: Manifest, wanted: DatasetConfig) -> bool:
    return (
        manifest["state"] == "complete"
        and manifest["generator"] == Dataset.of(wanted).generator
        and manifest["seed"] == wanted.seed
        and manifest["contacts"] >= wanted.contacts
    )
