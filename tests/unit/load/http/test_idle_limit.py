"""When an idle connection is replaced, so that no request meets a server that closes it."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING

import gevent
import gevent.socket
import pytest

from dragstrip.load.http.idle_limit import IDLE_NS, IdleLimit
from tests.support.byte_server import answer
from tests.support.talking import BODY, GET, always, once, talking

if TYPE_CHECKING:
    from dragstrip.load.http.connection import Connection
    from tests.support.byte_server import ByteConnection

S = 1_000_000_000
MS = 1_000_000


class TestAnnounced:
    @pytest.mark.parametrize(
        ("field", "from_ns"),
        [
            ("timeout=5", 4 * S),
            ("timeout=5, max=100", 4 * S),
            ("max=100, timeout=5", 4 * S),
            ("max=100;timeout = 5", 4 * S),
            ('timeout="60"', 59 * S),
            ("timeout=1", S // 2),
            ("timeout=2", S),
            ("timeout=0", 0),
        ],
    )
    def test_is_a_second_or_half_of_it_away(self, field: str, from_ns: int) -> None:
        limit = IdleLimit()
        assert limit.passed(from_ns, field)
        assert not limit.passed(from_ns - 1, field)
        assert limit.passed(from_ns + 999 * S, field)

    @pytest.mark.parametrize("field", ["", "max=5", "timeout", "timeout=x", "xtimeout=1", "5"])
    def test_what_says_nothing_is_no_limit(self, field: str) -> None:
        assert not IdleLimit().passed(10_000 * S, field)


class TestLearnt:
    def test_from_two_closes_after_about_the_same_idle_time(self) -> None:
        limit = IdleLimit()
        limit.learn(5 * S)
        assert not limit.passed(5 * S, "")
        limit.learn(5 * S + 3 * MS)
        for idle_ns, is_passed in ((4 * S, False), (4600 * MS, True), (5400 * MS, True)):
            assert limit.passed(idle_ns, "") is is_passed

    def test_not_from_two_that_differ(self) -> None:
        limit = IdleLimit()
        for idle_ns in (5 * S, 2 * S, 7 * S):
            limit.learn(idle_ns)
            assert not limit.passed(idle_ns, "")

    def test_nor_from_what_follows_an_answer_at_once(self) -> None:
        limit = IdleLimit()
        for _ in range(9):
            limit.learn(IDLE_NS - 1)
        assert not limit.passed(IDLE_NS, "")

    def test_is_forgotten_when_a_connection_outlives_it(self) -> None:
        limit = IdleLimit()
        limit.learn(S)
        limit.learn(S)
        assert limit.passed(S, "")
        assert not limit.passed(3 * S, "")
        assert not limit.passed(S, "")


def idle_for(connection: Connection, idle_ns: int) -> None:
    """Let the last answer seem so old; the server's view of the connection does not change."""
    connection.done_ns = monotonic_ns() - idle_ns


class TestConnection:
    def test_is_replaced_before_the_announced_time(self) -> None:
        wire = answer(BODY, "Connection: keep-alive", "Keep-Alive: timeout=60")
        with talking(always(wire)) as (connection, server):
            connection.send(GET)
            for idle_s, reconnected in ((30, 0), (59, 1), (0, 0)):
                idle_for(connection, idle_s * S)
                assert connection.send(GET).body == BODY
                assert (connection.opened, connection.reconnected) == (reconnected, reconnected)
            assert (server.connections, len(server.requests)) == (2, 4)

    def test_learns_when_the_server_closes_and_is_replaced_before(self) -> None:
        def script(peer: ByteConnection, number: int) -> None:
            peer.answer(answer(BODY))
            if number > 2:
                while True:
                    peer.answer(answer(BODY))

        with talking(script) as (connection, server):
            for _ in range(2):
                connection.send(GET)
                server.wait_for_end_of_script()
                wait_until_it_stirs(connection)
                # The time of the end is what counts, not that of the look.
                connection.done_ns = connection._wire.stirred_ns - 200 * MS
            connection.send(GET)
            assert connection.reconnected == 1
            idle_for(connection, 195 * MS)
            assert connection.send(GET).body == BODY
            assert connection.reconnected == 1
            assert len(server.requests) == 4

    @pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
    def test_an_honest_server_with_a_short_keep_alive_time_collects_no_failure(
        self, announced: bool
    ) -> None:
        """Requests come at times around the server's limit, which really closes."""
        closing_s = 1.0 if announced else 0.2
        field = ("Keep-Alive: timeout=1",) if announced else ()

        def script(peer: ByteConnection, _: int) -> None:
            peer._sock.settimeout(closing_s)
            while True:
                peer.answer(answer(BODY, *field))

        pauses_s = [0.3, 0.7, 1.1] if announced else [0.1, 0.3, 0.3, 0.196, 0.2, 0.204]
        with talking(script) as (connection, server):
            reconnected = 0
            connection.send(GET)
            for pause_s in pauses_s:
                gevent.sleep(pause_s)
                assert connection.send(GET).body == BODY
                reconnected += connection.reconnected
            assert reconnected == server.connections - 1 > 0
            assert len(server.requests) == len(pauses_s) + 1

    def test_each_closed_right_after_its_answer_is_replaced_and_counted(self) -> None:
        with talking(once(answer(BODY))) as (connection, server):
            for number in range(20):
                assert connection.send(GET).body == BODY
                assert connection.reconnected == min(number, 1)
                server.wait_for_end_of_script()
                idle_for(connection, MS)
            assert (server.connections, len(server.requests)) == (20, 20)


def wait_until_it_stirs(connection: Connection) -> None:
    """Let the event loop see the end of the connection."""
    with gevent.Timeout(30):
        while not connection._wire.stirred_ns:
            gevent.sleep(0)
