"""Which variables of the user's shell may steer a measurement: the rest is shut out here.

A process of the load obeys the plan alone. npm may learn from the shell where packages come from
and how they are fetched, and libpq how a connection is proven and encrypted; where to connect, as
whom and with which settings is said by SUPABASE_DB_URL. The lab's services get an environment of
their own.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_STEERS_LOOP = re.compile(r"LOCUST_.*|GEVENT.*|GREENLET.*")
"""What sets Locust's options or gevent's loop."""

_STEERS_PYTHON = re.compile(
    r"PYTHON(WARNINGS|DEVMODE|TRACEMALLOC|MALLOC.*|PROFILEIMPORTTIME|ASYNCIODEBUG|OPTIMIZE|DUMPREFS"
    r"|FAULTHANDLER|INSPECT|STARTUP|BREAKPOINT|INTMAXSTRDIGITS|VERBOSE|DEBUG.*)"
)
"""What slows Python down, makes errors of warnings, or ends a command with another exit code."""
_ENCODES = frozenset({"PYTHONUTF8", "PYTHONIOENCODING"})

_FETCHES_PACKAGES = re.compile(
    r"npm_config_(registry|.*:registry|.*proxy|cafile|ca|cert|key|strict_ssl|cache|userconfig"
    r"|globalconfig|.*_?auth.*|fetch_.*|maxsockets|prefer_offline|offline|loglevel|logs_.*|tmp)",
    re.IGNORECASE,
)
_STEERS_NODE = re.compile(r"(npm|node|next|yarn|pnpm)_.*|NODE|PORT|HOSTNAME", re.IGNORECASE)
_FOR_FETCHING = frozenset({"NODE_EXTRA_CA_CERTS", "NPM_TOKEN", "NODE_AUTH_TOKEN"})
_AS_LOCKED = {
    "npm_config_include": "dev",
    "npm_config_global": "false",
    "npm_config_ignore_scripts": "false",
    "npm_config_dry_run": "false",
    "npm_config_package_lock": "true",
    "npm_config_legacy_peer_deps": "false",
}
"""What an .npmrc may say otherwise. Variables come before it."""

_PROVES_CONNECTION = re.compile(r"PG(PASSWORD|PASSFILE|SSL.*|REQUIRE.*|CHANNELBINDING|KRB.*|GSS.*)")


def start_without_tracing() -> None:
    """Start this command again where the shell has what Python reads when it starts.

    PYTHONTRACEMALLOC=25 alone makes imports take fifty times as long.
    """
    steering = [name for name in os.environ if _STEERS_PYTHON.fullmatch(name)]
    if steering and sys.executable:
        for name in steering:
            del os.environ[name]
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606


def shut_out_of_this_command() -> None:
    """Take from this process what gevent would read, as a preflight sends by it, and libpq."""
    for name in [one for one in os.environ if _STEERS_LOOP.fullmatch(one)]:
        del os.environ[name]
    shut_out_of_libpq()


def for_load(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that makes the load."""
    kept = {
        name: value
        for name, value in environ.items()
        if not (_STEERS_LOOP.fullmatch(name) or _STEERS_PYTHON.fullmatch(name) or name in _ENCODES)
    }
    # Whatever the locale is.
    return kept | {"PYTHONUTF8": "1"}


def for_lab(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the process that owns the lab, and asks its database."""
    return {
        name: value
        for name, value in environ.items()
        if not (name.startswith("PG") or _STEERS_PYTHON.fullmatch(name))
    }


def for_packages(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which npm installs packages and Next.js is built."""
    return {
        name: value
        for name, value in environ.items()
        if _FETCHES_PACKAGES.fullmatch(name)
        or name in _FOR_FETCHING
        or not _STEERS_NODE.fullmatch(name)
    } | _AS_LOCKED


def shut_out_of_libpq() -> None:
    """Take from this process what libpq would read beside the address that it is given."""
    for name in [one for one in os.environ if one.startswith("PG")]:
        if not _PROVES_CONNECTION.fullmatch(name):
            del os.environ[name]
