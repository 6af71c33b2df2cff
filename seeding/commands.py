"""`dragstrip seed` and `dragstrip verify`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console

from dragstrip import config as configuration
from dragstrip.options import config_file
from seeding.answers import SAMPLE
from seeding.progress import progress_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dragstrip.config import Config
    from seeding.seed import Removed, Seeded
    from seeding.verify import Verified

_contacts = click.option(
    "--contacts", type=int, metavar="N", help="How many contacts; overrides dataset.contacts."
)
_seed = click.option(
    "--seed", "seed_number", type=int, metavar="N", help="Which contacts; overrides dataset.seed."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.command()
@config_file
@_contacts
@_seed
@click.option("--reset", is_flag=True, help="Remove what was seeded, and nothing else.")
@_json
def seed(
    path: Path | None,
    contacts: int | None,
    seed_number: int | None,
    reset: bool,
    as_json: bool,
) -> None:
    """Fill the backend of every target with the same contacts.

    Contacts that are there and right are left alone: run it again after an interruption, or with
    more --contacts, and it adds what is missing.
    """
    from seeding import seed as seeding

    config = _load(path, contacts, seed_number)
    if reset:
        removed = seeding.reset(config)
        _print(removed, _removed_lines(removed), as_json)
        return
    with progress_on(Console(stderr=True)) as reporter:
        seeded = seeding.seed(config, reporter)
    _print(seeded, _seeded_lines(seeded), as_json)


@click.command()
@config_file
@_contacts
@_seed
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=SAMPLE,
    show_default=True,
    metavar="N",
    help="How many lookups to ask of every target; one in ten is for a number that nobody has.",
)
@_json
def verify(
    path: Path | None,
    contacts: int | None,
    seed_number: int | None,
    sample: int,
    as_json: bool,
) -> None:
    """Prove that all backends hold the same data and all targets answer alike.

    Exit code 1 names the first contact and field that differ.
    """
    from seeding import verify as verification

    result = verification.verify(_load(path, contacts, seed_number), sample=sample)
    _print(result, _verified_lines(result), as_json)


def _load(path: Path | None, contacts: int | None, seed_number: int | None) -> Config:
    overrides = {"dataset": {"contacts": contacts, "seed": seed_number}}
    config = configuration.load(os.environ, path, overrides)
    if config.uses_lab:
        from dragstrip.lab import resolve

        config = resolve(config)
    return config


def _print(result: object, lines: Iterable[str], as_json: bool) -> None:
    if as_json:
        lines = [orjson.dumps(result, option=orjson.OPT_INDENT_2).decode()]
    for line in lines:
        click.echo(line)


def _removed_lines(removed: list[Removed]) -> Iterator[str]:
    for one in removed:
        yield f"{one.store}: removed {one.contacts} contacts and {one.workspaces} workspaces"


def _seeded_lines(seeded: Seeded) -> Iterator[str]:
    manifest = seeded.manifest
    for one in seeded.stores:
        yield (
            f"{one.store}: {one.written} contacts written, {one.unchanged} already right, "
            f"in {one.seconds:.1f} s"
        )
    yield (
        f"seed {manifest['seed']}, {manifest['contacts']} contacts, "
        f"generator {manifest['generator']}, digest {manifest['digest']}"
    )


def _verified_lines(verified: Verified) -> Iterator[str]:
    manifest, answers = verified.data.manifest, verified.answers
    yield (
        f"{' and '.join(verified.data.stores)}: {manifest['contacts']} contacts of seed "
        f"{manifest['seed']}, digest {manifest['digest']}"
    )
    yield (
        f"{' and '.join(answers.targets)}: {answers.lookups} lookups answered right, "
        f"{answers.misses} of them for numbers that nobody has"
    )
