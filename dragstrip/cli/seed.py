"""`dragstrip seed` and `dragstrip verify`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
import orjson

from dragstrip.cli.options import config_file, examples, keys_file, workspace
from dragstrip.cli.seed_progress import telling
from dragstrip.config import config as configuration
from dragstrip.errors import UsageError
from scenarios.crm.answers import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from dragstrip.config.config import Config
    from scenarios.crm.compare_targets import OwnProof
    from seeding.seed import Removed, Seeded
    from seeding.verify import Verified

_contacts = click.option(
    "--contacts", type=int, metavar="N", help="How many contacts; overrides dataset.contacts."
)
_seed = click.option(
    "--seed", "seed_number", type=int, metavar="N", help="Which contacts; overrides dataset.seed."
)
_processes = click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    metavar="N",
    help="How many processes make contacts; 1 is this one.",
)
_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the result as JSON, and progress as one JSON object a line on standard error.",
)


@click.command(
    epilog=examples("dragstrip seed --contacts 10000 --seed 42", "dragstrip seed --reset")
)
@config_file
@_contacts
@_seed
@click.option(
    "--replace",
    is_flag=True,
    help="First remove seeded contacts that are not of this dataset: another seed's, or too many.",
)
@click.option(
    "--reset", is_flag=True, help="Remove what was seeded, and nothing else; seed nothing."
)
@_processes
@_json
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
            removed = seeding.reset(_load(path, contacts, seed_number), reporter)
        _print(removed, _removed_lines(removed), as_json)
        return
    with telling(as_json=as_json) as reporter:
        seeded = seeding.seed(
            _load(path, contacts, seed_number), reporter, replace=replace, processes=processes
        )
    _print(seeded, _seeded_lines(seeded), as_json)


@click.command(epilog=examples("dragstrip verify", "dragstrip verify --keys-file numbers.txt"))
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
@click.option(
    "--full",
    is_flag=True,
    help="Compare every range of a large dataset, too, instead of a sample of ranges.",
)
@_processes
@keys_file
@workspace
@_json
def verify(
    path: Path | None,
    contacts: int | None,
    seed_number: int | None,
    sample: int,
    full: bool,
    processes: int,
    keys_file: Path | None,
    workspace_id: str | None,
    as_json: bool,
) -> None:
    """Prove that all backends hold the same data and all targets answer alike.

    Of more than 25,600 contacts a spread of 200 ranges of 128 is compared, unless --full is given.
    Exit code 1 names the first contact and field that differ. With a keys file, every number in it
    is asked for, and the targets are compared with each other: no store is asked.
    """
    own = {"keys_file": keys_file, "workspace_id": workspace_id}
    config = _load(path, contacts, seed_number, own)
    if config.dataset.keys_file:
        _verify_own(config, as_json)
        return
    from seeding import verify as verification

    with telling(as_json=as_json) as reporter:
        result = verification.verify(
            config, sample=sample, full=full, processes=processes, reporter=reporter
        )
    _print(result, _verified_lines(result), as_json)


def _verify_own(config: Config, as_json: bool) -> None:
    from scenarios.crm import compare_targets

    for name in ("sample", "full", "processes"):
        source = click.get_current_context().get_parameter_source(name)
        if source is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                f"--{name}: every number of a keys file is asked for, and nothing else",
                fix=f"leave --{name} out",
            )

    def say(line: str) -> None:
        event = orjson.dumps({"event": "progress", "message": line}).decode()
        click.echo(event if as_json else line, err=True)

    with telling(as_json=as_json):
        result = compare_targets.verify(config, say)
    _print(result, _own_lines(result), as_json)


def _load(
    path: Path | None,
    contacts: int | None,
    seed_number: int | None,
    own: Mapping[str, object] | None = None,
) -> Config:
    overrides = {"dataset": {"contacts": contacts, "seed": seed_number, **(own or {})}}
    config = configuration.load(os.environ, path, overrides)
    if config.uses_lab:
        from dragstrip.lab import resolve

        config = resolve(config)
    return config


def _own_lines(proof: OwnProof) -> Iterator[str]:
    yield (
        f"{' and '.join(proof.targets)}: {proof.keys} phone numbers of your own answered alike, "
        f"{proof.found} of them known (keys file's sha256 {proof.sha256})"
    )
    yield "compared with each other, not with known data: equal, not proven right"


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
            + (f"{one.removed} that are not of this dataset removed, " if one.removed else "")
            + f"in {one.seconds:.1f} s"
        )
    yield (
        f"seed {manifest['seed']}, {manifest['contacts']} contacts, "
        f"generator {manifest['generator']}, digest {manifest['digest']}"
    )


def _verified_lines(verified: Verified) -> Iterator[str]:
    data, answers = verified.data, verified.answers
    manifest = data.manifest
    said = "" if data.compared == data.ranges else " by their manifests"
    yield (
        f"{' and '.join(data.stores)}: {manifest['contacts']} contacts of seed "
        f"{manifest['seed']}, digest {manifest['digest']}{said}"
    )
    yield f"compared with the dataset: {data.words}"
    yield (
        f"{' and '.join(answers.targets)}: {answers.lookups} lookups answered right, "
        f"{answers.misses} of them for numbers that nobody has"
    )
