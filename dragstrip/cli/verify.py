"""`dragstrip verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson

from dragstrip.cli.options import as_json, config_file, dataset, examples, generators, own_data
from dragstrip.cli.seed_progress import load, print_result, telling
from dragstrip.errors import UsageError
from scenarios.crm.answers import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragstrip.config.config import Config
    from scenarios.crm.compare_targets import OwnProof
    from scenarios.crm.verify import Verified


@click.command(epilog=examples("dragstrip verify", "dragstrip verify --keys-file numbers.txt"))
@config_file
@dataset
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=SAMPLE,
    show_default=True,
    metavar="N",
    help="Requests to send to every target; one in ten has a phone number that no contact has.",
)
@click.option(
    "--full",
    is_flag=True,
    help="Compare every range of a large dataset, too, instead of a sample of ranges.",
)
@generators
@own_data
@as_json
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
    config = load(path, contacts, seed_number, own)
    if config.dataset.keys_file:
        _verify_own(config, as_json)
        return
    from scenarios.crm import verify as verification

    with telling(as_json=as_json) as reporter:
        result = verification.verify(
            config, sample=sample, full=full, processes=processes, reporter=reporter
        )
    print_result(result, _verified_lines(result), as_json)


def _verify_own(config: Config, as_json: bool) -> None:
    from scenarios.crm import compare_targets

    for name in ("sample", "full", "processes"):
        source = click.get_current_context().get_parameter_source(name)
        if source is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                f"--{name} does not apply to a keys file: all its numbers are requested",
                fix=f"leave --{name} out",
            )

    def say(line: str) -> None:
        event = orjson.dumps({"event": "progress", "message": line}).decode()
        click.echo(event if as_json else line, err=True)

    with telling(as_json=as_json):
        result = compare_targets.verify(config, say)
    print_result(result, _own_lines(result), as_json)


def _own_lines(proof: OwnProof) -> Iterator[str]:
    yield (
        f"{' and '.join(proof.targets)}: {proof.keys} phone numbers of your own answered alike, "
        f"{proof.found} of them known (keys file's sha256 {proof.sha256})"
    )
    yield "compared with each other, not with known data: equal, not proven right"


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
        f"{' and '.join(answers.targets)}: {answers.lookups} requests answered right, "
        f"{answers.misses} of them with phone numbers that no contact has"
    )
