"""The options of `dragstrip race` that say how both targets are spoken to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dragstrip.cli.options import option_group
from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES = ("ca_file", "cert_file", "key_file")

wire_options = option_group(
    click.option(
        "--protocol",
        type=click.Choice(["http/1.1", "h2"]),
        help="What both targets are spoken to in; by default http/1.1.",
    ),
    click.option("--ca-file", metavar="FILE", help="Authorities to trust for https, as PEM."),
    click.option("--cert-file", metavar="FILE", help="A client certificate to present, as PEM."),
    click.option("--key-file", metavar="FILE", help="Its key, unless --cert-file holds it."),
)


def add_tls_files(sections: Mapping[str, dict[str, Any]], files: Mapping[str, str | None]) -> None:
    """Give the files to both targets of the command line; UsageError where there are none."""
    given = {name: files[name] for name in _FILES if files[name]}
    targets = sections.get("targets")
    if given and targets is None:
        name = next(iter(given))
        raise UsageError(
            f"--{name.replace('_', '-')} is for two addresses on the command line",
            fix=f"set targets.NAME.{name} in dragstrip.toml",
        )
    for target in (targets or {}).values():
        target.update(given)
