"""The locustfile as plain Locust runs it, against the lab: what it counts is what was sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.lab.lab_homes import wait_until
from tests.support import locust_runs
from tests.support.seeded_lab import seeded_config, write_toml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.lab import LabState

SHORT = ("--headless", "-u", "8", "-r", "8", "-t", "4s", "--json-file", "out")


@pytest.fixture
def folder(tmp_path: Path, lab_environment: dict[str, str]) -> Path:
    """A folder with a dragstrip.toml whose dataset the lab holds."""
    seeded_config(lab_environment)
    write_toml(tmp_path, rate=80.0)
    return tmp_path


@pytest.fixture
def served(lab: LabState) -> Callable[[str], int]:
    """Count the lookups that a Next.js route has logged."""
    log = lab.services["next"].log

    def count(route: str) -> int:
        entries = (json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{")
        return sum(entry.get("route") == route and entry.get("status") == 200 for entry in entries)

    return count


def assert_clean(folder: Path, target: str, before: int, served: Callable[[], int]) -> None:
    """Check that nothing failed and that the server answered what Locust counted."""
    requests, failures = locust_runs.totals(folder / "out")[target]
    assert failures == 0
    assert requests > 20
    wait_until(lambda: served() - before >= requests)
    assert served() - before == requests


@pytest.mark.parametrize(
    ("user_class", "target", "route"),
    [
        ("NextSupabaseLookup", "supabase (lab)", "contacts/by-phone"),
        ("NextConvexLookup", "next-convex (lab)", "contacts/by-phone-convex"),
    ],
)
def test_headless_by_class_name(
    folder: Path,
    lab_environment: dict[str, str],
    served: Callable[[str], int],
    user_class: str,
    target: str,
    route: str,
) -> None:
    before = served(route)
    done = locust_runs.run(folder, lab_environment, user_class, *SHORT)
    assert done.returncode == 0, done.stderr
    assert locust_runs.totals(folder / "out").keys() == {target}
    assert_clean(folder, target, before, lambda: served(route))


def test_headless_with_all_classes_at_once(folder: Path, lab_environment: dict[str, str]) -> None:
    done = locust_runs.run(folder, lab_environment, *SHORT)
    assert done.returncode == 0, done.stderr
    found = locust_runs.totals(folder / "out")
    direct = {"convex-query (lab)", "supabase-rpc (lab)"}
    assert found.keys() == {"convex (lab)", "supabase (lab)", "next-convex (lab)"} | direct
    assert all(requests > 0 and failures == 0 for requests, failures in found.values())


def test_host_does_not_redirect_anything(folder: Path, lab_environment: dict[str, str]) -> None:
    nowhere = ("--host", "http://127.0.0.1:9")
    done = locust_runs.run(folder, lab_environment, "ConvexHttpLookup", *SHORT, *nowhere)
    assert done.returncode == 0, done.stderr
    requests, failures = locust_runs.totals(folder / "out")["convex (lab)"]
    assert requests > 20
    assert failures == 0


def test_two_processes(
    folder: Path, lab_environment: dict[str, str], served: Callable[[str], int]
) -> None:
    route, port = "contacts/by-phone", locust_runs.free_port()
    before = served(route)
    done = locust_runs.run(
        folder,
        lab_environment,
        "NextSupabaseLookup",
        *SHORT,
        *("--processes", "2", "--master-bind-host", "127.0.0.1"),
        *("--master-bind-port", port, "--master-port", port),
    )
    assert done.returncode == 0, done.stderr
    assert_clean(folder, "supabase (lab)", before, lambda: served(route))


def test_master_and_workers(
    folder: Path, lab_environment: dict[str, str], served: Callable[[str], int]
) -> None:
    route, port = "contacts/by-phone", locust_runs.free_port()
    before = served(route)
    bind = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    # The master makes no load, so it needs neither address nor key.
    master = locust_runs.start(
        folder, {}, "NextSupabaseLookup", "--master", "--expect-workers", "2", *SHORT, *bind
    )
    connect = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    workers = [locust_runs.start(folder, lab_environment, *connect) for _ in range(2)]
    try:
        codes = [process.wait(timeout=90) for process in (master, *workers)]
    finally:
        for process in (master, *workers):
            process.kill()
    assert codes == [0, 0, 0]
    assert_clean(folder, "supabase (lab)", before, lambda: served(route))


def test_without_a_lab_there_is_one_clear_error(tmp_path: Path) -> None:
    nowhere = {"DRAGSTRIP_LAB_HOME": str(tmp_path / "none")}
    done = locust_runs.run(tmp_path, nowhere, *SHORT)
    assert done.returncode == 2
    assert "error: the lab is not up" in done.stderr
    assert "dragstrip lab up" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_key_is_named(tmp_path: Path, lab_environment: dict[str, str]) -> None:
    without = {name: value for name, value in lab_environment.items() if name != "CRM_API_KEY"}
    done = locust_runs.run(tmp_path, without, *SHORT)
    assert done.returncode == 2
    assert "CRM_API_KEY is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_key_shows_as_failures_with_a_reason(
    folder: Path, lab_environment: dict[str, str]
) -> None:
    wrong = lab_environment | {"CRM_API_KEY": "wrong-key"}
    done = locust_runs.run(folder, wrong, "ConvexHttpLookup", *SHORT, "--csv", "out")
    assert done.returncode == 1
    assert "http_401" in (folder / "out_failures.csv").read_text()
    requests, failures = locust_runs.totals(folder / "out")["convex (lab)"]
    assert requests == failures > 0


def test_the_classes_are_named_after_kind_or_target(tmp_path: Path) -> None:
    def listed() -> list[str]:
        done = locust_runs.run(tmp_path, {}, "--list")
        assert done.returncode == 0, done.stderr
        return sorted(line.strip() for line in done.stdout.splitlines()[1:])

    routes = ["ConvexHttpLookup", "NextConvexLookup", "NextSupabaseLookup"]
    assert listed() == sorted([*routes, "ConvexQueryLookup", "SupabaseRpcLookup"])
    (tmp_path / "dragstrip.toml").write_text(
        '[targets.eu]\nkind = "convex-http"\nurl = "https://eu.example"\n'
        '[targets.us-1]\nkind = "convex-http"\nurl = "https://us.example"\n'
        '[targets.old]\nkind = "next-supabase"\nurl = "https://old.example"\n'
    )
    assert listed() == ["ConvexHttpLookup_eu", "ConvexHttpLookup_us_1", "NextSupabaseLookup"]


def test_a_broken_configuration_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "dragstrip.toml").write_text("[race]\nraet = 5\n")
    done = locust_runs.run(tmp_path, {}, "--list")
    assert done.returncode == 2
    assert "did you mean rate" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_web_ui_binds_loopback_unless_told_otherwise(
    tmp_path: Path, lab_environment: dict[str, str]
) -> None:
    port = locust_runs.free_port()
    process = locust_runs.start(tmp_path, lab_environment, "--web-port", port)
    try:
        wait_until(lambda: f":{port} " in listening(process.pid))
        assert f"127.0.0.1:{port} " in listening(process.pid)
    finally:
        process.terminate()
        assert process.wait(30) == 0


def listening(pid: int) -> str:
    connections = psutil.Process(pid).net_connections("tcp")
    listeners = [one.laddr for one in connections if one.status == psutil.CONN_LISTEN]
    return "".join(f"{address.ip}:{address.port} " for address in listeners)
