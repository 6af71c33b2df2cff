"""What this machine has run out of is an outcome of its own, and never a target's."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.errors import explain

ERRORS = {
    "EMFILE": Outcome.OUT_OF_FILES,
    "ENFILE": Outcome.OUT_OF_FILES,
    "EADDRNOTAVAIL": Outcome.OUT_OF_PORTS,
    "ENOMEM": Outcome.OUT_OF_MEMORY,
    "ENOBUFS": Outcome.OUT_OF_MEMORY,
    "EHOSTUNREACH": Outcome.CONNECTION,
    "ENETUNREACH": Outcome.CONNECTION,
}
NAMES = {
    "EAI_AGAIN": Outcome.NAME_SERVER,
    "EAI_FAIL": Outcome.NAME_SERVER,
    "EAI_SYSTEM": Outcome.NAME_SERVER,
    "EAI_MEMORY": Outcome.NAME_SERVER,
    "EAI_NONAME": Outcome.RESOLVE,
    "EAI_NODATA": Outcome.RESOLVE,
}

# Its own network has four local ports, and a name server that never answers.
PROGRAM = """
import resource, socket, subprocess, sys
from pathlib import Path

for command in (
    "ip link set lo up",
    "sysctl -qw net.ipv4.ip_local_port_range='40000 40003'",
    f"mount --bind {sys.argv[1]} /etc/resolv.conf",
):
    subprocess.run(command, shell=True, check=True)

import gevent.monkey
gevent.monkey.patch_all()
from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.connection import Connection
from dragstrip.scenario import Request

silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
listener = socket.create_server(("127.0.0.1", 8080), backlog=64)

def outcome(url, kept=[]):
    kept.append(Connection(url, 0.3))
    try:
        kept[-1].send(Request("GET", "/", {}))
    except SendFailed as failed:
        return failed.outcome.name

held = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(4)]
print(outcome("http://127.0.0.1:8080"))
for one in held:
    one.close()
print(outcome("http://backend.example"))
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
print(outcome("http://127.0.0.1:8080"))
"""


@pytest.mark.parametrize("name", list(ERRORS))
def test_an_error_of_the_operating_system_has_its_outcome(name: str) -> None:
    code = getattr(errno, name)
    outcome, words = explain(OSError(code, os.strerror(code)), opening=True, when="")
    assert (outcome, words) == (ERRORS[name], os.strerror(code))


@pytest.mark.parametrize("name", list(NAMES))
def test_a_name_server_that_is_down_is_no_wrong_name(name: str) -> None:
    error = socket.gaierror(getattr(socket, name), "words")
    assert explain(error, opening=True, when="")[0] is NAMES[name]


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
def test_limits_are_told_apart_where_they_are_met(tmp_path: Path) -> None:
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")
    met = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-c", PROGRAM, str(resolver)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert met.stdout.split() == ["OUT_OF_PORTS", "NAME_SERVER", "OUT_OF_FILES"], met.stderr
