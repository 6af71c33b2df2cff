"""Untimed requests to a target: what a preflight asks, and what a review asks again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from dragstrip import tls
from dragstrip.errors import BackendError
from dragstrip.scenario.check import Reply
from dragstrip.scenario.target import address_of

if TYPE_CHECKING:
    from dragstrip.scenario.request import Request
    from dragstrip.scenario.target import Target


def client_of(target: Target, timeout_s: float) -> httpx.Client:
    """Return a client for untimed requests to a target; no proxy of the environment is used.

    It trusts the certificates that timed requests trust. Raises ConfigError for a bad `ca_file`.
    """
    verify = tls.trust(target.ca_file)
    return httpx.Client(base_url=target.url, timeout=timeout_s, trust_env=False, verify=verify)


def send(client: httpx.Client, target: Target, request: Request) -> httpx.Response:
    """Send one untimed request. Raises BackendError when no answer comes back."""
    try:
        # As timed requests are written.
        headers = httpx.Headers(request.headers, encoding="latin-1")
        return client.request(request.method, request.path, headers=headers, content=request.body)
    except httpx.HTTPError as error:
        raise BackendError(
            f"target {target.name} at {target.url} is unreachable: {error or type(error).__name__}",
            fix=f"start it, or correct {address_of(target)}",
        ) from None


def reply_of(response: httpx.Response) -> Reply:
    """Return an untimed answer as a check sees those that are timed."""
    headers = response.headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.multi_items())
    return Reply(
        response.status_code,
        headers.get("content-type", "").lower(),
        headers.get("server-timing", "").lower(),
        response.content,
        f"http/1.1 {response.status_code}\r\n{lines.lower()}",
    )
