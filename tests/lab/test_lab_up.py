"""The session's lab: every service is up, answers, and keeps its secrets to itself."""

from __future__ import annotations

import http.client
import json
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from dragstrip.lab import lifecycle
from dragstrip.lab.paths import Home

if TYPE_CHECKING:
    from dragstrip.lab import LabState

SETTINGS = """
    select name, setting from pg_settings where name in
        ('fsync', 'synchronous_commit', 'listen_addresses', 'unix_socket_directories')
"""
LOCALE = "select datlocprovider, datlocale from pg_database where datname = 'postgres'"


def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    assert parts.hostname == "127.0.0.1"
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}", headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_every_service_is_healthy(lab: LabState) -> None:
    assert lab.phase == "up"
    assert list(lab.services) == ["postgres", "supabase", "convex", "next"]
    assert lifecycle.probe(lab) == dict.fromkeys(lab.services)


def test_three_paths_answer_with_the_key(lab_environment: dict[str, str]) -> None:
    key = {"x-api-key": lab_environment["CRM_API_KEY"]}
    query = "phone=628123&workspace_id=00000000-0000-4000-8000-000000000000"
    paths = (
        f"{lab_environment['CONVEX_URL']}/http/http/contacts/getByPhone",
        f"{lab_environment['CONVEX_SITE_URL']}/http/contacts/getByPhone",
        f"{lab_environment['NEXT_URL']}/api/contacts/by-phone",
        f"{lab_environment['NEXT_URL']}/api/contacts/by-phone-convex",
    )
    for path in paths:
        status, body = get(f"{path}?{query}", key)
        assert (status, json.loads(body)["found"]) == (200, False), path
        assert get(f"{path}?{query}", {"x-api-key": "wrong"})[0] == 401, path


def test_a_second_up_changes_nothing(lab: LabState) -> None:
    again = lifecycle.up(lab.home)
    assert again == lab


def test_everything_listens_on_loopback_alone(lab: LabState) -> None:
    pids = {lab.supervisor.pid} | {s.process.pid for s in lab.services.values() if s.process}
    pids |= {child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True)}
    listening = {
        tuple(found.laddr)
        for found in psutil.net_connections(kind="inet")
        if found.pid in pids and found.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", port) for port in lab.ports.values()}


def test_secrets_are_in_no_log_and_no_argument(
    lab: LabState, lab_environment: dict[str, str]
) -> None:
    home = Home(lab.home)
    secrets = json.loads(home.secrets_file.read_text())
    assert len(secrets) == 7
    shown = "".join(log.read_text() for log in home.logs.iterdir()) + home.state_file.read_text()
    for process in lab.processes:
        shown += " ".join(psutil.Process(process.pid).cmdline())
    assert "127.0.0.1" in shown
    for name, secret in secrets.items():
        assert secret not in shown, name


def test_files_with_secrets_are_their_owners_alone(lab: LabState) -> None:
    home = Home(lab.home)
    for file in (home.secrets_file, home.state_file):
        found = file.stat()
        assert found.st_mode & 0o777 == 0o600
        assert found.st_uid == os.geteuid()
    assert not list(home.data.glob("*password*"))


def test_postgres_wants_the_password_and_flushes(lab: LabState) -> None:
    password = json.loads(Home(lab.home).secrets_file.read_text())["POSTGRES_PASSWORD"]
    address = f"host=127.0.0.1 port={lab.ports['postgres']} user=postgres dbname=postgres"
    with psycopg.connect(f"{address} password={password}") as connection:
        settings: dict[str, str] = dict(connection.execute(SETTINGS).fetchall())
        locale = connection.execute(LOCALE).fetchone()
    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
    }
    assert locale == ("b", "C.UTF-8")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"{address} password=wrong")
