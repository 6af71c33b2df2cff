"""Which of a host's addresses is connected to."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http import connect, transport
from dragstrip.load.http.connection import Connection
from dragstrip.load.http.timeouts import Limits
from tests.support.byte_server import ByteServer, answer
from tests.support.talking import BODY, GET, PATIENT, always, failure, silent_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFUSED = ("127.0.0.1", 1)


def place(there: tuple[str, int], family: int = socket.AF_INET) -> tuple[Any, ...]:
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", there)


@pytest.fixture
def server() -> Iterator[ByteServer]:
    with ByteServer(always(answer(BODY))).serving() as server:
        yield server


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    with silent_address() as there:
        yield there


@pytest.fixture
def resolving_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Any]], Connection]:
    """Return what makes a connection to a host of several addresses."""

    def connection_to(places: list[Any], limits: Limits = PATIENT) -> Connection:
        monkeypatch.setattr(transport, "places_of", lambda _: places)
        return Connection("http://many.test", limits)

    return connection_to


class TestSeveralAddresses:
    def test_a_silent_one_gives_way_to_the_next(
        self, server: ByteServer, silent: tuple[str, int], resolving_to: Callable[..., Connection]
    ) -> None:
        places = [place(silent), place(silent), place(("127.0.0.1", server.port))]
        connection = resolving_to(places, Limits(total_s=30, connect_s=10))
        assert connection.send(GET).body == BODY
        assert server.connections == 1
        connection.close()

    @pytest.mark.parametrize(
        "first", [place(REFUSED), place(REFUSED, family=12)], ids=["refused", "no-such-family"]
    )
    def test_one_that_fails_gives_way_at_once(
        self, server: ByteServer, first: Any, resolving_to: Callable[..., Connection]
    ) -> None:
        connection = resolving_to([first, place(("127.0.0.1", server.port))])
        assert connection.send(GET).body == BODY
        connection.close()

    def test_when_all_fail_the_last_failure_is_named(
        self, resolving_to: Callable[..., Connection]
    ) -> None:
        assert failure(resolving_to([place(REFUSED), place(REFUSED)])).outcome is Outcome.REFUSED

    def test_a_silent_one_is_waited_for_when_the_others_fail(
        self, silent: tuple[str, int], resolving_to: Callable[..., Connection]
    ) -> None:
        connection = resolving_to([place(silent), place(REFUSED)], Limits(30, connect_s=0.4))
        assert failure(connection).outcome is Outcome.CONNECT_TIMEOUT

    def test_a_host_without_an_address_does_not_resolve(
        self, resolving_to: Callable[..., Connection]
    ) -> None:
        assert failure(resolving_to([])).outcome is Outcome.RESOLVE


@given(st.lists(st.sampled_from([socket.AF_INET, socket.AF_INET6]), max_size=12))
def test_families_take_turns_and_none_is_lost(families: list[int]) -> None:
    places = [(family, number) for number, family in enumerate(families)]
    turns = list(connect._in_turns(places))
    assert sorted(turns) == sorted(places)
    for family in set(families):
        assert [one for one in turns if one[0] == family] == [
            one for one in places if one[0] == family
        ]
    both = 2 * min(families.count(socket.AF_INET), families.count(socket.AF_INET6))
    expected = [families[0], *({*families} - {families[0]})] * (both // 2) if both else []
    assert [one[0] for one in turns[:both]] == expected
