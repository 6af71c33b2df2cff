"""Untimed requests to a target: what a preflight asks, and what a review asks again.

They go over the connections that timed requests go over, so that what passes here is what a race
can read.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

import gevent
import gevent.event
import gevent.pool
from gevent import get_hub, monkey

from dragstrip.errors import BackendError
from dragstrip.ledger.rows import OF_THIS_MACHINE, Outcome
from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.clients import client_maker
from dragstrip.scenario.target import address_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.config.config import RaceConfig
    from dragstrip.load.http.client import Client
    from dragstrip.scenario import Reply, Request, Target

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CLOSING_S = 1.0
_NO_CONNECTION = frozenset(
    {Outcome.RESOLVE, Outcome.REFUSED, Outcome.CONNECT_TIMEOUT, Outcome.CONNECTION}
)
_SILENT = frozenset({Outcome.TIMEOUT, Outcome.FIRST_BYTE_TIMEOUT})


@dataclass(frozen=True, slots=True)
class UntimedAnswer:
    """What came back for a request; `location` is a redirect's, as the server wrote it."""

    target: Target
    request: Request = field(repr=False)
    reply: Reply
    location: str
    elapsed_s: float

    @property
    def redirect(self) -> str:
        """The address that a redirect leads to, "" where it is none."""
        if self.reply.status not in REDIRECTS:
            return ""
        place = urljoin(self.target.url + self.request.path, self.location)
        # What a query holds may be a token.
        return urlsplit(place)._replace(query="", fragment="").geturl()

    @property
    def status_words(self) -> str:
        """The status; of a redirect, with its place."""
        to = f", a redirect to {self.redirect}" if self.redirect else ""
        return f"HTTP {self.reply.status}{to}"

    @property
    def text(self) -> str:
        """The body as text."""
        return self.reply.body.decode(errors="replace")


class UntimedClient:
    """Sends untimed requests to a target, from any thread. Used in a `with` block."""

    def __init__(self, target: Target, race: RaceConfig) -> None:
        self._target = target
        self._new_client = client_maker(target, race)
        self._idle: list[Client] = []
        self._loop: _LoopThread | None = None

    def __enter__(self) -> Self:
        # Where threads are greenlets, as in Locust's processes, there is a loop already.
        self._loop = None if monkey.is_module_patched("threading") else _LoopThread()
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is None:
            self._close_idle()
        else:
            self._loop.close(self._close_idle)

    def send(self, request: Request) -> UntimedAnswer:
        """Send a request. Raises BackendError when no answer comes back that can be read."""
        exchange = partial(self._exchange, request)
        try:
            return exchange() if self._loop is None else self._loop.run(exchange)
        except SendFailed as failed:
            raise _explained(failed, self._target) from None

    def _exchange(self, request: Request) -> UntimedAnswer:
        client = self._idle.pop() if self._idle else self._new_client()
        try:
            reply = client.send(request)
            elapsed_s = (client.done_ns - client.sent_ns) / 1e9
            location = client.sent_header("location")
            return UntimedAnswer(self._target, request, reply, location, elapsed_s)
        finally:
            self._idle.append(client)

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _explained(failed: SendFailed, target: Target) -> BackendError:
    what, address = f"target {target.name} at {target.url}", address_of(target)
    if failed.outcome in _NO_CONNECTION:
        return BackendError(
            f"{what} is unreachable: {failed}", fix=f"start it, or correct {address}"
        )
    if failed.outcome.reason(0) in OF_THIS_MACHINE:
        return BackendError(
            f"this machine could not ask target {target.name}: {failed}",
            fix="free what it has run out of, or correct its name server",
        )
    if failed.outcome in _SILENT:
        return BackendError(
            f"{what} did not answer: {failed}", fix="see its log, or raise race.timeout"
        )
    if failed.outcome is Outcome.TLS:
        return BackendError(
            f"{what} cannot be spoken to: {failed}",
            fix=f"correct {address}; name with targets.{target.name}.ca_file whom to trust, and "
            "with cert_file and key_file the certificate that it asks for; leave race.protocol out "
            "where a target does not speak h2",
        )
    if failed.outcome is Outcome.UNSENT:
        return BackendError(f"{what} was sent nothing: {failed}", fix="correct the request")
    return BackendError(
        f"{what} gave no answer that can be read: {failed}",
        fix=f"see its log, or correct {address} if this is another service",
    )


class _LoopThread:
    """A thread with an event loop, to which other threads hand what waits."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._over = False
        self._wake: Any = None
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        started.wait()

    def run(self, job: Callable[[], Any]) -> Any:
        """Run a job beside others, and return its result or raise its error."""
        future: Future[Any] = Future()
        self._jobs.append((job, future))
        self._wake.send()
        return future.result()

    def close(self, last: Callable[[], None]) -> None:
        """Give up what is under way, call `last`, and end the thread."""
        self._jobs.append((last, Future()))
        self._over = True
        self._wake.send()
        # A host name that is being looked up is not waited for.
        self._thread.join(_CLOSING_S)

    def _serve(self, started: threading.Event) -> None:
        hub = get_hub()
        asked, running = gevent.event.Event(), gevent.pool.Group()
        self._wake = hub.loop.async_()
        self._wake.start(asked.set)
        started.set()
        while not self._over:
            asked.wait()
            asked.clear()
            while self._jobs and not self._over:
                running.spawn(_settle, *self._jobs.popleft())
        running.kill()
        for job, future in self._jobs:
            _settle(job, future)
        self._wake.close()
        hub.destroy(destroy_loop=True)


def _settle(job: Callable[[], Any], future: Future[Any]) -> None:
    try:
        future.set_result(job())
    except BaseException as error:  # noqa: BLE001
        future.set_exception(error)
