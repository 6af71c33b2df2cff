"""The names and sentences that contacts are made of, read once from a file."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from seeding.dataset.hash_draws import spread
from seeding.dataset.phones import PREFIX

POOLS_FILE = Path(__file__).with_name("pools.json")


@dataclass(frozen=True, slots=True)
class Locale:
    """Names of one language. A name is (as written, as it stands in a mail address)."""

    family_first: bool
    separator: str
    first: list[tuple[str, str]]
    last: list[tuple[str, str]]
    prefix: str
    """What the phone numbers of its country begin with, before ten digits."""

    def full_name(self, first: str, last: str) -> str:
        """Return both names in the language's order."""
        if self.family_first:
            return f"{last}{self.separator}{first}"
        return f"{first}{self.separator}{last}"


@dataclass(frozen=True, slots=True)
class Pools:
    """Everything that is drawn from. `locales` repeats each locale as often as it weighs."""

    locales: list[Locale]
    inbound: list[str]
    outbound: list[str]
    media: list[tuple[str, str]]
    notes: list[str]
    emoji: list[str]
    companies: list[str]
    tags: list[str]
    mail_domains: list[str]


@functools.cache
def load_pools(file: Path = POOLS_FILE) -> Pools:
    """Read the pools: those that come with dragstrip, or those of a dataset's locales."""
    raw = orjson.loads(file.read_bytes())
    locales = [_locale(entry) for entry in raw["locales"]]
    return Pools(
        locales=spread(locales, [entry["weight"] for entry in raw["locales"]]),
        media=[(kind, content) for kind, content in raw["media"]],
        **{
            key: raw[key]
            for key in (
                "inbound", "outbound", "notes", "emoji", "companies", "tags", "mail_domains",
            )
        },
    )  # fmt: skip


def _locale(raw: dict[str, Any]) -> Locale:
    return Locale(
        family_first=raw["family_first"],
        separator=raw["separator"],
        first=list(raw["first"].items()),
        last=list(raw["last"].items()),
        prefix=raw.get("prefix", PREFIX),
    )
