"""Sends a request over a kept-alive connection and reads the answer, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import gevent
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPParseError

from dragstrip.measure.judge import Reply
from dragstrip.outcomes import Outcome

if TYPE_CHECKING:
    from dragstrip.targets import Request

MAX_BODY_BYTES = 1 << 20


class SendFailed(Exception):
    """No whole answer came back. `outcome` says why; `detail` is for people."""

    def __init__(self, outcome: Outcome, detail: str, status: int = 0) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.status = status


class Client(Protocol):
    """A connection to one target, used by one slot at a time."""

    def send(self, request: Request) -> Reply:
        """Send a request and return the answer. Raises SendFailed."""

    def close(self) -> None:
        """Close the connection."""


class GeventClient:
    """HTTP/1.1 by geventhttpclient: TLS is verified, redirects are answers like any other.

    A kept-alive connection that the server closed before a byte of the answer came is replaced,
    for methods that may be repeated.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._prefix = urlsplit(url).path.rstrip("/")
        self._timeout_s = timeout_s
        self._http = self._connection()

    def send(self, request: Request) -> Reply:
        """Send a request and return the answer. Raises SendFailed."""
        limit = gevent.Timeout(self._timeout_s)
        limit.start()
        try:
            return self._exchange(request)
        except gevent.Timeout as error:
            if error is not limit:
                raise
            raise self._timed_out() from None
        except TimeoutError:
            raise self._timed_out() from None
        except (OSError, HTTPParseError) as error:
            raise SendFailed(Outcome.CONNECTION, _words(error)) from None
        finally:
            limit.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _exchange(self, request: Request) -> Reply:
        response = self._http.request(
            request.method,
            self._prefix + request.path,
            body=request.body,
            headers=request.headers,
        )
        try:
            body = response.read(MAX_BODY_BYTES + 1)
        finally:
            response.release()
        if len(body) > MAX_BODY_BYTES:
            words = f"the body is longer than {MAX_BODY_BYTES} bytes"
            raise SendFailed(Outcome.TOO_LARGE, words, response.status_code)
        return Reply(
            response.status_code,
            _first(response.get("content-type")),
            _first(response.get("server-timing")),
            body,
        )

    def _timed_out(self) -> SendFailed:
        # A timeout that strikes inside the pool leaves its only place taken for ever.
        self._http.close()
        self._http = self._connection()
        return SendFailed(Outcome.TIMEOUT, f"no whole answer within {self._timeout_s:g} s")

    def _connection(self) -> HTTPClient:
        return HTTPClient.from_url(
            self._url,
            concurrency=1,
            connection_timeout=self._timeout_s,
            network_timeout=self._timeout_s,
            headers={"User-Agent": "dragstrip", "Accept": "application/json"},
        )


def _first(value: str | list[str] | None) -> str:
    if isinstance(value, list):
        return value[0] if value else ""
    return value or ""


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
