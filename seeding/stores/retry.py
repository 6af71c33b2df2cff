"""What both stores share: one way to send, to try again, and to name what went wrong."""

from __future__ import annotations

import email.utils
import random
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import httpx
import orjson

from dragstrip.errors import BackendError
from dragstrip.redact import excerpt
from seeding.stores.refusals import Passing, refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seeding.stores.refusals import Table

T = TypeVar("T")

PATIENCE_S = 300.0
"""How long a backend that has answered may be gone: a container restarts, a network drops."""

_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 10.0
_LONGEST_WISH_S = 60.0
_BUSY = frozenset({429, 502, 503, 504})

# A batch takes a second or so; a backend that starts up or vacuums may take a while longer.
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


def raise_if_busy(response: httpx.Response) -> None:
    """Raise Passing for a status that means: the same again, later."""
    if response.status_code in _BUSY:
        response.read()
        wish = response.headers.get("retry-after", "")
        raise Passing(said_of(response), _seconds(wish))


def said_of(response: httpx.Response) -> str:
    """Return status, code and message of an answer that is no success."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = response.text
    if isinstance(body, dict):
        code, words = body.get("code"), body.get("message") or body.get("errorMessage")
        body = ": ".join(str(part) for part in (code, words) if part) or response.text
    body = body or ""
    return ": ".join(part for part in (f"HTTP {response.status_code}", excerpt(str(body))) if part)


def _seconds(wish: str) -> float | None:
    """Return the delay that a Retry-After asks for: seconds or a date."""
    if wish.isdecimal():
        return float(wish)
    try:
        at_s = email.utils.parsedate_to_datetime(wish).timestamp()
    except (ValueError, OverflowError):
        return None
    return at_s - time.time()


def new_client(url: str, *, connections: int) -> httpx.Client:
    """Return a client that keeps its connections open and never waits for ever.

    It reads no proxy from the environment: nothing goes to a host that was not configured.
    """
    return httpx.Client(
        base_url=url,
        trust_env=False,
        timeout=_TIMEOUT,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        event_hooks={"response": [raise_if_busy]},
    )


@dataclass
class Retrier:
    """Repeats calls that a busy, restarting or unplugged backend has dropped.

    `name`, `variable` and `tables` are the backend, the environment variable with its address, and
    what it is known to refuse, for the error raised when it stays so. A backend that has never
    answered is not waited for: its address is more likely wrong than its service down.
    """

    name: str
    url: str
    variable: str
    tables: Sequence[Table] = ()
    sleep: Callable[[float], object] = field(init=False)
    _reached: bool = field(default=False, init=False)
    _stopped: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        # Unlike time.sleep, it ends when somebody stops the command.
        self.sleep = self._stopped.wait

    def stop(self) -> None:
        """End waits in other threads at once; their calls raise BackendError."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has ended all waits."""
        return self._stopped.is_set()

    def __call__(self, call: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
        """Return what `call` returns, in spite of failures for `patience_s` in a row.

        Raises BackendError when they go on for longer.
        """
        began_s = time.monotonic()
        slept_s = 0.0
        attempt = 0
        while True:
            try:
                result = call()
            except (httpx.TransportError, Passing) as error:
                last = error
            else:
                self._reached = True
                return result
            self._reached |= isinstance(last, Passing)
            waited_s = max(slept_s, time.monotonic() - began_s)
            if not self._reached or waited_s >= patience_s:
                raise self._unreachable(last, waited_s) from last
            delay_s = _delay_s(attempt, last)
            self.sleep(delay_s)
            if self.is_stopped:
                raise self._unreachable(last, waited_s) from last
            slept_s += delay_s
            attempt += 1

    def _unreachable(self, error: Exception, waited_s: float) -> BackendError:
        again = "run the command again: it continues from what is stored"
        if isinstance(error, Passing):
            known = refusal_of(self.tables, str(error))
            if known:
                # It was not too much, or less did not pass either.
                known = replace(known, raises=BackendError)
                return known.error(self.name, self.url, f"{error}, for {_span(waited_s)}")
            return BackendError(
                f"{self.name} at {self.url} goes on to refuse: {error}, for {_span(waited_s)}",
                fix=f"see its log, then {again}",
            )
        reason = _reason(error)
        if not self._reached:
            return BackendError(
                f"{self.name} at {self.url} is unreachable: {reason}",
                fix=f"start it, or correct {self.variable}",
            )
        return BackendError(
            f"{self.name} at {self.url} stopped answering and did not come back within "
            f"{_span(waited_s)}: {reason}",
            fix=f"see why it or the network to it is down, then {again}",
        )


def _delay_s(attempt: int, error: Exception) -> float:
    """Return the longer of what the backend asks for and our own pause, each up to its bound."""
    # With jitter, so that callers turned away together do not come back together.
    longest_s = min(_FIRST_DELAY_S * 2 ** min(attempt, 10), _LONGEST_DELAY_S)
    own_s = random.uniform(longest_s / 2, longest_s)  # noqa: S311
    wish_s = error.retry_after_s if isinstance(error, Passing) else None
    return max(own_s, min(wish_s or 0.0, _LONGEST_WISH_S))


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return str(error) or type(error).__name__
