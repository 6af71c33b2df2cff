"""The command line over a lab that is up: what it prints is what programs can use."""

from __future__ import annotations

import http.client
import json
import subprocess
from typing import TYPE_CHECKING

from dragstrip import lab as embedded
from dragstrip.config.config import load
from tests.lab.lab_homes import DRAGSTRIP

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["postgres", "supabase", "convex", "next"]


def run(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [DRAGSTRIP, "lab", "--home", home, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_env_sets_the_variables_in_a_shell(
    lab: embedded.LabState, lab_environment: dict[str, str]
) -> None:
    script = f'eval "$({DRAGSTRIP} lab --home {lab.home} env)"; env'
    done = subprocess.run(
        ["/bin/sh", "-c", script], env={}, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.splitlines()) >= {f"{k}={v}" for k, v in lab_environment.items()}


def test_env_in_other_forms(lab: embedded.LabState, lab_environment: dict[str, str]) -> None:
    assert json.loads(run(lab.home, "env", "--json")) == lab_environment
    # As Docker's --env-file takes them: to the letter.
    lines = run(lab.home, "env", "--dotenv").splitlines()
    assert dict(line.split("=", 1) for line in lines) == lab_environment


def test_the_environment_names_the_lab_and_all_that_the_configuration_knows(
    lab: embedded.LabState, lab_environment: dict[str, str]
) -> None:
    config = embedded.resolve(load({}), lab.home)
    assert not config.uses_lab
    assert config.environment.dragstrip_lab
    # A password of the web UI is for its user to choose, and a token for who races with workers.
    chosen = {"dragstrip_web_password", "dragstrip_worker_token"}
    for field, value in config.environment.model_dump(exclude=chosen).items():
        assert value, field
    assert config.environment.require("crm_api_key") == lab_environment["CRM_API_KEY"]


def test_status_as_a_table_and_as_json(lab: embedded.LabState) -> None:
    table = run(lab.home, "status")
    document = json.loads(run(lab.home, "status", "--json"))
    assert document["phase"] == "up"
    assert document["supervised"] is True
    assert document["health"] == dict.fromkeys(NAMES)
    for name in NAMES:
        service = document["services"][name]
        (row,) = [line for line in table.splitlines() if f" {name} " in line]
        for shown in ("up", "ok", service["process"]["pid"], service["port"], service["log"]):
            assert str(shown) in row
    assert lab.owner is not None
    assert f"it goes down when process {lab.owner.pid} ends" in table


def test_logs_of_one_and_of_all(lab: embedded.LabState) -> None:
    everything = run(lab.home, "logs")
    for name in (*NAMES, "supervisor"):
        assert f"==> {lab.home}/logs/{name}.log" in everything
    assert "ready to accept connections" in run(lab.home, "logs", "postgres", "-n", "1000")
    assert run(lab.home, "logs", "postgres", "-n", "1").count("\n") == 1


def test_logs_can_be_followed(lab: embedded.LabState) -> None:
    argv = [DRAGSTRIP, "lab", "--home", str(lab.home), "logs", "next", "-n", "1", "--follow"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        # The last line there is: from here on it follows.
        following.stdout.readline()
        connection = http.client.HTTPConnection("127.0.0.1", lab.ports["next"], timeout=10)
        headers = {"x-request-id": "followed-4711"}
        connection.request("GET", "/api/contacts/by-phone", headers=headers)
        connection.getresponse().read()
        connection.close()
        assert any("followed-4711" in line for line in following.stdout)
        following.kill()
