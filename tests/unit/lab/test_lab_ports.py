"""Choosing ports: the usual ones when free, others when not, and never one twice."""

from __future__ import annotations

import socket

import pytest

from dragstrip.errors import LabError, UsageError
from dragstrip.lab import ports


def test_preferred_ports_are_taken_when_free() -> None:
    free = ports.choose({}, fallback_only=True)
    assert set(free) == set(ports.DEFAULTS)
    assert len(set(free.values())) == len(free)
    assert ports.choose({}, preferred=free) == free


def test_a_preferred_port_that_is_taken_is_replaced() -> None:
    free = ports.choose({}, fallback_only=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        chosen = ports.choose({}, preferred={**free, "next": taken})
        assert chosen["next"] != taken
        assert {**chosen, "next": 0} == {**free, "next": 0}


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_on_which_another_listens_is_not_free(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.is_open(port)
        with pytest.raises(LabError, match=f"--port next={port}: the port is taken by"):
            ports.choose({"next": port})
    assert ports.is_free(port)
    assert not ports.is_open(port)


def test_a_port_that_a_closed_connection_still_lingers_on_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        client = socket.create_connection(address)
        accepted, _ = server.accept()
        # The side that closes first keeps the port in TIME_WAIT.
        accepted.close()
        client.close()
    assert ports.is_free(address[1])


@pytest.mark.parametrize(
    ("forced", "words"),
    [
        ({"nextt": 3000}, 'there is no service "nextt"'),
        ({"next": 0}, "not a port"),
        ({"next": 65_536}, "not a port"),
        ({"next": 21_001, "convex": 21_001}, "given twice"),
    ],
)
def test_a_wrong_option_is_named(forced: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        ports.choose(forced)
    assert caught.value.fix


def test_a_forced_port_is_not_given_to_another_service() -> None:
    free = ports.choose({}, fallback_only=True)
    chosen = ports.choose({"next": free["convex"]}, preferred=free)
    assert chosen["next"] == free["convex"]
    assert len(set(chosen.values())) == len(chosen)
