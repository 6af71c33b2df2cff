"""The user's shell and home do not steer a measurement."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dragstrip import shell_variables
from tests.support import hostile_home
from tests.support.command_line import dragstrip
from tests.support.hostile_home import LOAD, OTHERS, SLOW
from tests.support.races import DATASET, OF_THE_MACHINE, racing, sections
from tests.support.stand_in import StandIn

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_race_in_a_hostile_shell_home_and_folder_is_the_race_of_its_plan(tmp_path: Path) -> None:
    home, place = tmp_path / "home", tmp_path / "a folder, ünïcödé & 'quoted' $HOME"
    place.mkdir()
    hostile = hostile_home.make(home)
    (place / "locust.conf").write_text(hostile_home.FILES[".locust.conf"])
    with StandIn(DATASET).serving() as server:
        configuration = sections(server.url, server.url, connections=4)
        with racing(place, configuration, "--seed", "7", environ=hostile) as raced:
            assert raced.wait().code in {0, 3}, raced.errors
            assert raced.failed_gates <= OF_THE_MACHINE | {"samples_per_slice"}, raced.errors
            assert raced.run.config["race"]["connections"] == 4
            assert len(raced.rows(0)) > 50
            assert (raced.folder.path / "report.html").exists()
    assert "INVALID" in raced.output or "against old" in raced.output


def test_a_command_runs_without_what_slows_python_down_or_changes_its_exit_code(
    tmp_path: Path,
) -> None:
    """PYTHONINSPECT makes every code 1, and imports under that tracing outlast the limit here."""
    ended = dragstrip("report", "nothing", cwd=tmp_path, **SLOW, PYTHONINSPECT="1")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: cannot read runs/nothing/run.json")


def test_the_load_gets_nothing_that_steers_it() -> None:
    mine = {**OTHERS, "PATH": "/bin", "PYTHONPATH": "/mine"}
    kept = shell_variables.for_load({**LOAD, **SLOW, **mine})
    assert kept == {**mine, "PYTHONUTF8": "1"}


def test_npm_learns_where_packages_come_from_and_no_more() -> None:
    fetching = {
        "npm_config_registry": "http://mirror",
        "NPM_CONFIG_CAFILE": "/ca.pem",
        "npm_config_https_proxy": "http://proxy",
        "https_proxy": "http://proxy",
        "NPM_TOKEN": "t",
        "PATH": "/bin",
    }
    steering = {
        "npm_config_global": "true",
        "npm_config_omit": "dev",
        "npm_config_ignore_scripts": "true",
        "NODE_ENV": "production",
        "NODE_OPTIONS": "--inspect",
        "NEXT_PRIVATE_STANDALONE": "1",
        "PORT": "1",
    }
    kept = shell_variables.for_packages(fetching | steering)
    assert fetching.items() <= kept.items()
    assert kept["npm_config_global"] == kept["npm_config_ignore_scripts"] == "false"
    assert kept["npm_config_include"] == "dev"
    assert not kept.keys() & (steering.keys() - {"npm_config_global", "npm_config_ignore_scripts"})


def test_libpq_learns_how_to_prove_a_connection_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [one for one in os.environ if one.startswith("PG")]:
        monkeypatch.delenv(name)
    for name in ("PGPASSWORD", "PGSSLROOTCERT", "PGOPTIONS", "PGSERVICE", "PGHOSTADDR", "PGTZ"):
        monkeypatch.setenv(name, "x")
    shell_variables.shut_out_of_libpq()
    assert {one for one in os.environ if one.startswith("PG")} == {"PGPASSWORD", "PGSSLROOTCERT"}
