"""What both stores share: one way to send, to try again, and to name what went wrong."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import httpx

from dragstrip.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

ATTEMPTS = 7
_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 10.0
_BUSY = frozenset({429, 502, 503, 504})

# A batch takes a second or so; a backend that starts up or vacuums may take a while longer.
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


class Busy(Exception):
    """The backend asks to be left alone for a while. `retry_after_s` is its wish, if any."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"HTTP {status}")
        self.retry_after_s = retry_after_s


def raise_if_busy(response: httpx.Response) -> None:
    """Raise Busy for a status that means: the same again, later."""
    if response.status_code in _BUSY:
        wish = response.headers.get("retry-after", "")
        raise Busy(response.status_code, float(wish) if wish.isdecimal() else None)


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

    `name` and `variable` are the backend and the environment variable with its address, for the
    error raised when it stays so. A backend that has never answered is not waited for: its address
    is more likely wrong than its service down.
    """

    name: str
    url: str
    variable: str
    sleep: Callable[[float], None] = time.sleep
    _reached: bool = field(default=False, init=False)

    def __call__(self, call: Callable[[], T]) -> T:
        """Return what `call` returns. Raises BackendError when it is dropped again and again."""
        for attempt in range(ATTEMPTS):
            try:
                result = call()
            except (httpx.TransportError, Busy) as error:
                last = error
                self._reached |= isinstance(error, Busy)
            else:
                self._reached = True
                return result
            if not self._reached:
                break
            if attempt < ATTEMPTS - 1:
                self.sleep(_delay_s(attempt, last))
        raise self._unreachable(last) from last

    def _unreachable(self, error: Exception) -> BackendError:
        if isinstance(error, Busy):
            return BackendError(
                f"{self.name} at {self.url} stayed overloaded: {error} {ATTEMPTS} times in a row",
                fix="wait until it has recovered and run the command again: it continues",
            )
        return BackendError(
            f"{self.name} at {self.url} is unreachable: {_reason(error)}",
            fix=f"start it, or correct {self.variable}",
        )


def _delay_s(attempt: int, error: Exception) -> float:
    if isinstance(error, Busy) and error.retry_after_s is not None:
        return min(error.retry_after_s, _LONGEST_DELAY_S)
    # Full jitter, so that callers turned away together do not come back together.
    longest = min(_FIRST_DELAY_S * 2**attempt, _LONGEST_DELAY_S)
    return random.uniform(longest / 10, longest)  # noqa: S311


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return str(error) or type(error).__name__


def excerpt(text: str, secrets: Sequence[str | None], limit: int = 300) -> str:
    """Return a backend's own words on one line, short, without anything secret in them."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    line = "an HTML page" if text.lstrip().startswith("<") else " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
