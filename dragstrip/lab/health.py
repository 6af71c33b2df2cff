"""Whether a service answers: each check returns None, or says in a few words what is wrong."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

from dragstrip.lab.ports import HOST
from dragstrip.redact import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_S = 5


def postgres(port: int, user: str, password: str) -> str | None:
    """Log in and ask for one row."""
    # Every process that makes load knows of the lab; none of them asks a database.
    import psycopg

    try:
        with psycopg.connect(
            host=HOST,
            port=port,
            user=user,
            password=password,
            dbname="postgres",
            # Whatever PGSSLMODE says: it is for addresses of the user's.
            sslmode="disable",
            connect_timeout=_TIMEOUT_S,
        ) as connection:
            connection.execute("select 1")
    except psycopg.Error as error:
        return redact(str(error)).strip().splitlines()[-1]
    return None


def http_status(
    port: int, path: str, expected: int, headers: Mapping[str, str] | None = None
) -> str | None:
    """Get a path on loopback; a status other than `expected` is a fault. No proxy is asked."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        return redact(str(error)) or type(error).__name__
    finally:
        connection.close()
    if response.status != expected:
        return f"GET {path} answered {response.status}, not {expected}"
    return None
