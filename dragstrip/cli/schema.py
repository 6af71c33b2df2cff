"""`dragstrip schema`: the published form of what is stored and printed for machines."""

from __future__ import annotations

import click

from dragstrip import schemas
from dragstrip.cli.options import examples


@click.command(
    epilog=examples(
        "dragstrip schema run > run.schema.json",
        "dragstrip schema config > dragstrip.schema.json",
    )
)
@click.argument("name", type=click.Choice([*schemas.MODELS, schemas.CONFIG]))
def schema(name: str) -> None:
    """Print a JSON Schema.

    That of run.json or verdict.json, of what `compare --json` prints, or `history --json`, or of
    dragstrip.toml (config). An editor takes the last by the file's first line: #:schema ./FILE.
    """
    click.echo(schemas.text_of(name), nl=False)
