"""The four workspaces of a seed: their members, and their unequal shares of the contacts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from seeding.dataset.hash_draws import stream_key
from seeding.dataset.pools import load_pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeding.dataset.model import Member, Workspace

SHARES_PERCENT = (55, 25, 15, 5)
_AGENTS = (14, 6, 3, 1)
_OPENED_MS = 1_577_836_800_000  # 2020-01-01, before the first contact
_DAY_MS = 86_400_000


def uuid_from(digits: str, at: int = 0) -> str:
    """Return 30 hex digits, starting at `at`, in the form of a version 4 UUID."""
    return (
        f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-4{digits[at + 12 : at + 15]}"
        f"-a{digits[at + 15 : at + 18]}-{digits[at + 18 : at + 30]}"
    )


def make_workspaces(seed: int) -> list[Workspace]:
    """Return the workspaces of a seed, the largest first."""
    companies = load_pools().companies
    first = int.from_bytes(stream_key(seed, "company"), "little") % len(companies)
    return [
        _workspace(seed, n, companies[(first + n) % len(companies)])
        for n in range(len(SHARES_PERCENT))
    ]


def _workspace(seed: int, number: int, name: str) -> Workspace:
    digits = _digits(seed, f"workspace {number}")
    created_at = _OPENED_MS + int(digits[40:44], 16) % 300 * _DAY_MS
    return {
        "id": uuid_from(digits),
        "name": name,
        # Names of other people's workspaces may be the same; a slug may not.
        "slug": f"{name.lower().replace(' ', '-')}-{digits[:6]}",
        "kapso_phone_id": f"1{int(digits[44:60], 16) % 10**14:014d}",
        "created_at": created_at,
        "members": list(_members(seed, number, created_at)),
    }


def _members(seed: int, number: int, created_at: int) -> Iterator[Member]:
    for n in range(2 + _AGENTS[number]):
        digits = _digits(seed, f"workspace {number}, member {n}")
        yield {
            "id": uuid_from(digits),
            "user_id": uuid_from(digits, 32),
            "role": "owner" if n == 0 else "admin" if n == 1 else "agent",
            "created_at": created_at + n * _DAY_MS,
        }


def _digits(seed: int, purpose: str) -> str:
    return hashlib.shake_128(stream_key(seed, purpose)).hexdigest(32)
