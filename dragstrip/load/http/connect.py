"""Connects to whichever of a host's addresses answers first."""

from __future__ import annotations

import _socket
import errno
import os
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import gevent.socket
from gevent import getcurrent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragstrip.load.http.address import Address

_HEAD_START_S = 0.25
_WRITABLE = 2


def connect(places: Sequence[Any], hub: Any) -> Any:
    """Return a connected, non-blocking socket. Raises OSError when no place can be reached.

    An address that has not answered for 0.25 s is still waited for, and the next is tried beside it
    (Happy Eyeballs, RFC 8305).
    """
    untried = iter(_in_turns(places))
    failure: OSError = _socket.gaierror(_socket.EAI_NONAME, "it has no address")
    attempts = _Attempts(hub)
    try:
        while (place := next(untried, None)) or attempts.under_way:
            if place:
                attempts.begin(place)
            sock, code = attempts.first(_HEAD_START_S if place else None)
            if code:
                failure = OSError(code, os.strerror(code))
            elif sock:
                return sock
    finally:
        attempts.close()
    raise failure


def places_of(address: Address) -> list[Any]:
    """Return where a host can be reached, as getaddrinfo has it. Raises OSError."""
    where = (address.host, address.port, 0, _socket.SOCK_STREAM)
    try:
        return _socket.getaddrinfo(*where, 0, _socket.AI_NUMERICHOST)
    except _socket.gaierror:
        return list(gevent.socket.getaddrinfo(*where))


def _in_turns(places: Sequence[Any]) -> Iterator[Any]:
    """Yield addresses of both families in turns, beginning with the preferred one's."""
    preferred = [place for place in places if place[0] == places[0][0]]
    others = [place for place in places if place[0] != places[0][0]]
    for pair in zip_longest(preferred, others):
        yield from filter(None, pair)


class _Attempts:
    """Connections under way, and those that ended without having been looked at."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._watchers: dict[Any, Any] = {}
        self._ended: list[tuple[Any, int]] = []

    @property
    def under_way(self) -> bool:
        return bool(self._watchers or self._ended)

    def begin(self, place: Any) -> None:
        """Begin to connect."""
        family, kind, protocol, _, there = place
        try:
            sock = _socket.socket(family, kind, protocol)
        except OSError as error:
            # As where there is no IPv6.
            self._ended.append((None, error.errno or errno.EAFNOSUPPORT))
            return
        sock.setblocking(False)
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        code = sock.connect_ex(there)
        if code == errno.EINPROGRESS:
            self._watchers[sock] = self._hub.loop.io(sock.fileno(), _WRITABLE)
        else:
            self._ended.append((sock, code))

    def first(self, patience_s: float | None) -> tuple[Any, int]:
        """Return (socket, 0) of one that is connected, (None, error) of one that failed.

        (None, 0) when none has ended in time.
        """
        sock, code = self._ended.pop() if self._ended else self._wait(patience_s)
        if sock and code:
            sock.close()
        return (None if code else sock), code

    def close(self) -> None:
        """Give up what is still under way."""
        for sock in list(self._watchers):
            self._forget(sock)
            sock.close()

    def _wait(self, patience_s: float | None) -> tuple[Any, int]:
        wake = getcurrent().switch
        timer = None if patience_s is None else self._hub.loop.timer(patience_s)
        try:
            if timer is not None:
                timer.start(wake, None)
            for sock, watcher in self._watchers.items():
                watcher.start(wake, sock)
            sock = self._hub.switch()
        finally:
            for watcher in self._watchers.values():
                watcher.stop()
            if timer is not None:
                timer.stop()
                timer.close()
        if sock is None:
            return None, 0
        self._forget(sock)
        return sock, sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)

    def _forget(self, sock: Any) -> None:
        self._watchers.pop(sock).close()
