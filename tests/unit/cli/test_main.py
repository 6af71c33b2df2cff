"""The command line: every expected error is one line, a fix and the documented exit code."""

from __future__ import annotations

import os
from threading import Thread
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from dragstrip.cli.main import cli
from tests.support.command_line import dragstrip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADDRESSES = ("race", "http://127.0.0.1:9/a", "http://127.0.0.1:9/b")
QUOTE = "'"
SHOP = """
import sys

from dragstrip.scenario import Operation, Request, Scenario


class Shop(Scenario):
    name = "shop"
    operations = [Operation("search")]

    def validate(self):
        sys.exit("set SHOP_KEY first")

    def request(self, target, operation, key):
        return Request("GET", "/", {})

    def check(self, target, operation):
        return lambda key, reply: 0
"""


def test_help_lists_every_command(tmp_path: Path) -> None:
    result = dragstrip("--help", cwd=tmp_path)
    assert result.returncode == 0
    for command in ("lab", "seed", "verify", "race", "report"):
        assert f"\n  {command} " in result.stdout


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands(cli)), ids=" ".join)
def test_every_help_ends_with_examples_that_name_the_command(path: tuple[str, ...]) -> None:
    text = CliRunner().invoke(cli, [*path, "--help"], prog_name="dragstrip").output
    head, _, examples = text.rpartition("Example")
    assert head
    assert 1 <= len(examples.splitlines()) - 1 <= 3
    for line in examples.splitlines()[1:]:
        assert " ".join(("dragstrip", *path)) in line
        assert len(line) <= 80


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["race", "--nonsense"], "No such option"),
        (["race", "--rate", "-1"], "race.rate"),
        (["race", "--config", "absent.toml"], "absent.toml"),
        (["seed", "--contacts", "0"], "dataset.contacts"),
        (["verify", "--config", "absent.toml"], "absent.toml"),
        (["report", "no-such-run"], "no-such-run"),
    ],
)
def test_bad_usage_exits_with_2_and_no_traceback(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    result = dragstrip(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert expected in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "lab").exists()


def test_a_command_without_a_lab_says_how_to_start_it(tmp_path: Path) -> None:
    result = dragstrip("verify", cwd=tmp_path)
    assert result.returncode == 2
    assert "dragstrip lab up" in result.stderr


def test_a_misspelt_field_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "dragstrip.toml").write_text("[race]\nratee = 5\n")
    result = dragstrip("race", cwd=tmp_path)
    assert result.returncode == 2
    assert "race.ratee: unknown field; did you mean rate?" in result.stderr


@pytest.mark.parametrize("code", ["'set SHOP_KEY first'", "0", ""])
def test_a_scenario_file_that_ends_the_program_is_an_error(tmp_path: Path, code: str) -> None:
    (tmp_path / "shop.py").write_text(f"import sys\nsys.exit({code})\n")
    result = dragstrip(*ADDRESSES, "--scenario", "shop.py", cwd=tmp_path)
    assert result.returncode == 2
    assert f"shop.py cannot be loaded: SystemExit: {code.strip(QUOTE)}".rstrip() in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('"set SHOP_KEY first"', "set SHOP_KEY first"),
        ("1", "a scenario or a library ended this command by sys.exit(1)"),
        ("0", "a scenario or a library ended this command by sys.exit(0)"),
        ("", "a scenario or a library ended this command by sys.exit(0)"),
    ],
)
def test_a_scenario_that_ends_the_program_did_not_race(
    tmp_path: Path, code: str, words: str
) -> None:
    (tmp_path / "shop.py").write_text(SHOP.replace('"set SHOP_KEY first"', code))
    result = dragstrip(*ADDRESSES, "--scenario", "shop.py", cwd=tmp_path)
    assert result.returncode == 70
    assert result.stderr.endswith(f"error: {words}\n")


def test_a_configuration_from_a_pipe_is_read_once_and_checked(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=lambda: pipe.write_text("[race]\nratee = 5\n"), daemon=True)
    writer.start()
    result = dragstrip(*ADDRESSES, "--config", str(pipe), "--dry-run", cwd=tmp_path)
    writer.join()
    assert result.returncode == 2
    assert "race.ratee: unknown field" in result.stderr
