"""`dragstrip schema`: the published form of what is stored and printed for machines."""

from __future__ import annotations

import click

from dragstrip import schemas
from dragstrip.cli.options import examples


@click.command(epilog=examples("dragstrip schema run > run.schema.json"))
@click.argument("name", type=click.Choice(list(schemas.MODELS)))
def schema(name: str) -> None:
    """Print a JSON Schema.

    That of run.json or verdict.json, of what `compare --json` prints, or `history --json`.
    """
    click.echo(schemas.text_of(name), nl=False)
