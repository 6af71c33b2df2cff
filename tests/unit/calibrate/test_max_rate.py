"""The search for the ceiling, and the server that it is found against."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.analysis.calibration import Attempt
from dragstrip.analysis.gates import is_about_speed
from dragstrip.calibrate import max_rate, null_server
from dragstrip.calibrate.null_scenario import KEYS, NullScenario, answer
from dragstrip.config.config import Config
from dragstrip.run.model import Gate
from dragstrip.scenario import Outcome, Reply, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BUSY = Gate(name="generator_cpu", passed=False, figure=0.99, bound=0.9)


def machine(most_per_s: float) -> Callable[[float], Attempt]:
    """Return a machine that holds every rate up to this one."""

    def race_at(rate: float) -> Attempt:
        held = rate <= most_per_s
        return Attempt(rate_per_s=rate, held=held, failed=[] if held else [BUSY])

    return race_at


def ignore(line: str) -> None:
    pass


@given(st.floats(100, 100_000), st.floats(0.1, 1.2))
def test_the_highest_share_that_holds_is_found_and_confirmed(closed: float, share: float) -> None:
    held, attempts = max_rate._search(closed, machine(share * closed), ignore)
    rungs = [max_rate._rounded(one * closed) for one in max_rate.SHARES]
    wanted = max((rung for rung in rungs if rung <= share * closed), default=None)
    assert held == wanted
    assert len(attempts) <= 4 + 2 * len(rungs)
    if held is not None:
        assert [one.rate_per_s for one in attempts].count(held) >= 2


def test_a_rate_that_holds_only_once_is_not_trusted() -> None:
    tried: list[float] = []

    def race_at(rate: float) -> Attempt:
        tried.append(rate)
        held = (rate <= 500 and tried.count(rate) == 1) or rate <= 300
        return Attempt(rate_per_s=rate, held=held, failed=[] if held else [BUSY])

    assert max_rate._search(1000, race_at, ignore)[0] == 300
    assert tried.count(300) == 2


def test_where_nothing_holds_there_is_no_ceiling() -> None:
    assert max_rate._search(1000, machine(0), ignore)[0] is None


@given(st.floats(0.01, 1e6))
def test_a_rate_has_two_digits_and_is_never_rounded_up(rate: float) -> None:
    rounded = max_rate._rounded(rate)
    assert 0.9 * rate <= rounded <= rate * (1 + 1e-9)
    assert float(f"{rounded:.1e}") == pytest.approx(rounded)


@pytest.fixture(scope="module")
def server() -> Iterator[null_server.Server]:
    with null_server.serving(KEYS) as running:
        yield running


def test_the_instant_server_answers_as_its_scenario_expects(server: null_server.Server) -> None:
    target, scenario = Target("instant", "http", server.url), NullScenario()
    (operation,) = scenario.operations
    check = scenario.check(target, operation)
    with httpx.Client(base_url=server.url) as client:
        for key in range(KEYS + 5):
            request = scenario.request(target, operation, key)
            response = client.get(request.path, headers=request.headers)
            assert response.json() == (answer(key) if key < KEYS else {"key": None})
            assert response.headers["content-type"] == "application/json"
            reply = Reply(200, "application/json", "", response.content)
            assert check(key, reply) == (Outcome.OK if key < KEYS else Outcome.WRONG_ANSWER)


def test_the_instant_server_waits_for_the_end_of_a_request(server: null_server.Server) -> None:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as connection:
        for piece in (b"GET /nobody HT", b"TP/1.1\r\nx: y\r\n", b"\r\nGET /no"):
            connection.sendall(piece)
        first = connection.recv(65_536)
        assert first.startswith(b"HTTP/1.1 200")
        assert first.count(b"HTTP/1.1") == 1
        connection.sendall(b"body HTTP/1.1\r\n\r\n")
        assert connection.recv(65_536) == first


def test_the_instant_server_ends_when_its_input_does() -> None:
    command = [sys.executable, "-m", "dragstrip.calibrate.null_server", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdin
        assert int(process.stdout.readline())
        process.stdin.close()
        assert process.wait(30) == 0


def test_races_against_the_instant_server_are_real_ones(
    server: null_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(max_rate, "SLICE_S", 0.8)
    monkeypatch.setattr(max_rate, "WARMUP_S", 0.3)
    races = max_rate._Races(Config(), server, tmp_path)
    closed_per_s, server_cpu = races.closed()
    assert closed_per_s > 0
    assert server_cpu > 0
    attempt = races.holds(200)
    assert attempt.rate_per_s == 200
    assert attempt.held == (not attempt.failed)
    # A machine may be too busy for so few, but nothing else may be wrong.
    assert all(map(is_about_speed, attempt.failed))
