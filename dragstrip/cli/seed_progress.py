"""What a command tells while it works with stores, and where they stand when it is cut short."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console

from dragstrip.config import config as configuration
from dragstrip.errors import DragstripError, Leave
from dragstrip.signals import signals_as_interrupts
from seeding.progress import event_line, progress_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from dragstrip.config.config import Config
    from seeding.progress import SeedingProgress

INTERRUPTED = 130


@contextlib.contextmanager
def telling(*, as_json: bool) -> Iterator[SeedingProgress]:
    """Tell of progress, of an interrupt and of a failure.

    On standard error: bars or lines, or with `as_json` one object a line and nothing else. An
    interrupt ends the process with code 130, a failure with its own.
    """
    tally = None
    try:
        with (
            signals_as_interrupts(),
            progress_on(Console(stderr=True), as_json=as_json) as tally,
        ):
            yield tally
    except KeyboardInterrupt:
        _say_stopped(tally, "interrupted", as_json=as_json)
        _say_again(as_json=as_json)
        _leave(INTERRUPTED)
    except DragstripError as error:
        _say_stopped(tally, "stopped", as_json=as_json)
        if not as_json:
            raise
        _say_event({"event": "error", "message": error.message, "fix": error.fix})
        raise Leave(error.exit_code) from None


def load(
    path: Path | None,
    contacts: int | None,
    seed_number: int | None,
    own: Mapping[str, object] | None = None,
) -> Config:
    """Read the configuration of what is seeded or verified. Raises DragstripError."""
    overrides = {"dataset": {"contacts": contacts, "seed": seed_number, **(own or {})}}
    config = configuration.load(os.environ, path, overrides)
    if config.uses_lab:
        from dragstrip.lab import resolve

        config = resolve(config)
    return config


def print_result(result: object, lines: Iterable[str], as_json: bool) -> None:
    """Print a result in words, or as JSON."""
    if as_json:
        lines = [orjson.dumps(result, option=orjson.OPT_INDENT_2).decode()]
    for line in lines:
        click.echo(line)


def _say_stopped(tally: SeedingProgress | None, event: str, *, as_json: bool) -> None:
    standings = tally.standings if tally else []
    if as_json:
        for standing in standings:
            click.echo(event_line(event, standing), err=True)
    elif standings:
        words = "; ".join(standing.words for standing in standings)
        click.echo(f"{event}: {words}", err=True)
    elif event == "interrupted":
        click.echo("interrupted before any contact was touched", err=True)


def _say_again(*, as_json: bool) -> None:
    again = "run the same command again: it goes by what is stored"
    if as_json:
        _say_event({"event": "error", "message": "interrupted", "fix": again})
    else:
        click.echo(f"  fix: {again}", err=True)


def _say_event(event: dict[str, str | None]) -> None:
    click.echo(orjson.dumps(event).decode(), err=True)


def _leave(code: int) -> None:
    """End the process, also where a thread still waits for a backend that does not answer."""
    if any(not one.daemon and one is not threading.main_thread() for one in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise Leave(code)
