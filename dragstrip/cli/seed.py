"""`dragstrip seed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dragstrip.cli.options import as_json, config_file, dataset, examples, generators
from dragstrip.cli.seed_progress import load, print_result, telling
from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from seeding.seed import Removed, Seeded


@click.command(
    epilog=examples("dragstrip seed --contacts 10000 --seed 42", "dragstrip seed --reset")
)
@config_file
@dataset
@click.option(
    "--replace",
    is_flag=True,
    help="First remove seeded contacts that are not of this dataset: another seed's, or too many.",
)
@click.option("--reset", is_flag=True, help="Remove what was seeded, and seed nothing.")
@generators
@as_json
def seed(
    path: Path | None,
    contacts: int | None,
    seed_number: int | None,
    replace: bool,
    reset: bool,
    processes: int,
    as_json: bool,
) -> None:
    """Fill the backend of every target with the same contacts.

    Contacts that are there and right are left alone: run it again after an interruption, or with
    more --contacts, and it adds what is missing.
    """
    from seeding import seed as seeding

    if reset and replace:
        raise UsageError(
            "--replace and --reset exclude each other",
            fix="leave --replace out to remove everything, or --reset to seed as well",
        )
    if reset:
        with telling(as_json=as_json) as reporter:
            removed = seeding.reset(load(path, contacts, seed_number), reporter)
        print_result(removed, _removed_lines(removed), as_json)
        return
    with telling(as_json=as_json) as reporter:
        seeded = seeding.seed(
            load(path, contacts, seed_number), reporter, replace=replace, processes=processes
        )
    print_result(seeded, _seeded_lines(seeded), as_json)


def _removed_lines(removed: list[Removed]) -> Iterator[str]:
    for one in removed:
        yield f"{one.store}: removed {one.contacts} contacts and {one.workspaces} workspaces"


def _seeded_lines(seeded: Seeded) -> Iterator[str]:
    manifest = seeded.manifest
    for one in seeded.stores:
        yield (
            f"{one.store}: {one.written} contacts written, {one.unchanged} already right, "
            + (f"{one.removed} that are not of this dataset removed, " if one.removed else "")
            + f"in {one.seconds:.1f} s"
        )
    yield (
        f"seed {manifest['seed']}, {manifest['contacts']} contacts, "
        f"generator {manifest['generator']}, digest {manifest['digest']}"
    )
