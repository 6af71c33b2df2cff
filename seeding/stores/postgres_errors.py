"""What PostgreSQL refuses to do, in the same words whether it is asked directly or over REST."""

from __future__ import annotations

import re

import httpx

from dragstrip.errors import BackendError

_NOT_MIGRATED = frozenset({"42883", "42P01", "42703", "3F000"})
_TAKEN = "23505"
_NO_ROOM = frozenset({"25006", "53100"})

# A deadlock, a serialization failure, a time-out, a server that starts, stops or is full.
_PASSING = re.compile(r"40001|40P01|57014|57P0.|53300|08...")


class Passing(httpx.TransportError):
    """What the same call may not meet again: of the kind that the Retrier repeats."""


def is_passing(code: str) -> bool:
    """Tell whether a SQLSTATE speaks of something that passes."""
    return _PASSING.fullmatch(code) is not None


def refusal(name: str, place: str, code: str, said: str) -> BackendError | None:
    """Return the error for a SQLSTATE that has one of its own. `said` holds message and detail."""
    if code in _NOT_MIGRATED:
        return not_migrated(name, place, said)
    if code == _TAKEN and "phone" in said and "kapso" not in said:
        return BackendError(
            f"{name}: a contact that dragstrip did not seed has the phone number of one "
            f"it is to seed: {said}",
            fix="remove that contact, or choose another dataset.seed",
        )
    if code == _TAKEN:
        return BackendError(
            f"{name}: a row that is there already stands in the way: {said}",
            fix="run `dragstrip seed --reset`, then seed again; if that does not help, the "
            "row is not dragstrip's: remove it, or choose another dataset.seed",
        )
    if code in _NO_ROOM:
        return BackendError(
            f"{name} at {place} takes no more rows: {said}",
            fix="give it more disk (Supabase makes a database read-only when its disk is full), "
            "then run the command again: it continues",
        )
    return None


def not_migrated(name: str, place: str, said: str) -> BackendError:
    """Return the error for a database in which something of ours is missing."""
    return BackendError(
        f"{name} at {place} lacks a table or function: {said}",
        fix="apply the migrations in backends/supabase/migrations",
    )
