"""`dragstrip init`: a commented configuration to start from, after at most four questions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dragstrip import atomic_file, schemas
from dragstrip.cli.options import examples
from dragstrip.config import config as configuration
from dragstrip.config.target_pair import target_pair
from dragstrip.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA_FILE = "dragstrip.schema.json"
_KINDS = {
    "lab": "the embedded lab: no address, no key",
    "backends": "your deployments of this project's backends",
    "endpoints": "any two HTTP endpoints",
}
_QUESTIONS = {
    "backends": (
        "Address of the Next.js route over Supabase",
        "Address of the Convex HTTP actions",
    ),
    "endpoints": ("Address of what runs today", "Address of what might replace it"),
}
_KEYS = (
    "# Keys come from the environment: CRM_API_KEY, CONVEX_ADMIN_KEY, SUPABASE_URL,\n"
    "# SUPABASE_SERVICE_ROLE_KEY; see docs/configuration.md. `dragstrip seed` fills both sides.\n"
)
_DATASET = """
[dataset]                       # the contacts that both sides hold
seed = 42
contacts = 1000
"""
_HEADERS = '# headers = { Authorization = "env:TOKEN" }   # a secret stays in the environment\n'


@click.command(
    epilog=examples(
        "dragstrip init",
        "dragstrip init --for lab --defaults",
    )
)
@click.option("--for", "kind", type=click.Choice(list(_KINDS)), help="What is to be raced.")
@click.option("--baseline", metavar="URL", help="Address of what runs today.")
@click.option("--challenger", metavar="URL", help="Address of what might replace it.")
@click.option("--rate", type=click.FloatRange(0), metavar="PER_S", help="Requests per second.")
@click.option("--defaults", is_flag=True, help="Ask nothing: what no option says is the default.")
@click.option("--force", is_flag=True, help="Replace a dragstrip.toml that is there.")
def init(
    kind: str | None,
    baseline: str | None,
    challenger: str | None,
    rate: float | None,
    defaults: bool,
    force: bool,
) -> None:
    """Write a commented dragstrip.toml, and its schema for editors."""
    path = configuration.DEFAULT_FILE
    if path.exists() and not force:
        raise UsageError(f"{path} exists", fix="give --force to replace it")
    try:
        text = _answered(kind, baseline, challenger, rate, defaults)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise UsageError(
            "standard input ended before every question was answered",
            fix="answer in a terminal, or give --defaults and the flags of --help",
        ) from None
    _write(path, text)
    _write(Path(SCHEMA_FILE), schemas.text_of("config"))
    click.echo(f"wrote {path} and {SCHEMA_FILE}\n  next: dragstrip race --quick")


def _answered(
    kind: str | None,
    baseline: str | None,
    challenger: str | None,
    rate: float | None,
    defaults: bool,
) -> str:
    """Return the configuration, after asking for what no flag says."""
    if kind is None:
        kind = "lab" if defaults else _ask_kind()
    addresses: tuple[str, ...] = ()
    if kind in _QUESTIONS:
        addresses = tuple(
            given or _ask(question, flag, defaults)
            for given, question, flag in zip(
                (baseline, challenger),
                _QUESTIONS[kind],
                ("--baseline", "--challenger"),
                strict=True,
            )
        )
    elif baseline or challenger:
        raise UsageError("the lab has addresses of its own", fix="drop --baseline and --challenger")
    if rate is None:
        rate = 50.0 if defaults else click.prompt("Requests per second", 50.0, type=float)
    return text_of(kind, addresses, rate)


def text_of(kind: str, addresses: tuple[str, ...], rate: float) -> str:
    """Return the configuration. Raises UsageError or ConfigError for what cannot be configured."""
    document = target_pair(addresses, whole=kind == "endpoints")
    # Before anything is written, and by the rules that the file will be read with.
    configuration.load(
        {}, document={**document, "race": {**document.get("race", {}), "rate": rate}}
    )
    return "".join(_lines(kind, document, rate))


def _lines(kind: str, document: dict[str, dict[str, Any]], rate: float) -> Iterator[str]:
    yield f"#:schema ./{SCHEMA_FILE}\n# What is raced: {_KINDS[kind]}.\n"
    names = ("supabase", "convex")
    if kind == "backends":
        yield _KEYS
        urls = [target["url"] for target in document["targets"].values()]
        for name, of, url in zip(names, ("next-supabase", "convex-http"), urls, strict=True):
            yield f'\n[targets.{name}]\nkind = "{of}"\nurl = {json.dumps(url)}\n'
    if kind == "endpoints":
        names = ("baseline", "challenger")
        yield '\n[scenario]\nname = "endpoint"\n'
        yield (
            '# data = "rows.csv"             # its columns fill each {column} of a path\n'
            + _HEADERS
        )
        for name, target in document["targets"].items():
            yield f"\n[targets.{name}]\nurl = {json.dumps(target['url'])}\n"
            yield f"path = {json.dumps(target['path'])}\n"
    else:
        yield _DATASET
    yield (
        "\n[race]\n"
        f'baseline = "{names[0]}"\nchallenger = "{names[1]}"\n'
        f"rate = {rate:g}                       # a second, to each side; 0: closed model\n"
        "pairs = 20                      # pairs of slices; more make the interval shorter\n"
        "slice = 30                      # seconds, of which\n"
        "warmup = 5                      # seconds are not counted\n"
        "\n[rules]                         # the decision, written down before the run\n"
        'metric = "p95"                  # p50 | p95 | p99\n'
        "slo_ms = 500                    # the challenger must stay under\n"
        "adopt_ratio = 0.667             # challenger/baseline at or below: it is worth a change\n"
        "equivalent = [0.8, 1.25]        # inside: no practical difference\n"
        "max_error_rate = 0.001\n"
    )


def _ask_kind() -> str:
    for name, words in _KINDS.items():
        click.echo(f"  {name}: {words}")
    answer: str = click.prompt("What is to be raced?", "lab", type=click.Choice(list(_KINDS)))
    return answer


def _ask(question: str, flag: str, defaults: bool) -> str:
    if defaults:
        raise UsageError(f"{flag} is missing", fix=f"give {flag} URL")
    answer: str = click.prompt(question)
    return answer


def _write(path: Path, text: str) -> None:
    try:
        atomic_file.write(path, text)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from None
