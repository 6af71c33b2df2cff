"""Names for the locales that a configuration asks for: made by Faker once, then kept."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING

from dragstrip import atomic_file, home
from dragstrip.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

CALLING_PREFIXES = {
    "AE": "9715", "AR": "549", "AT": "436", "AU": "614", "BE": "324", "BR": "55", "CA": "1",
    "CH": "417", "CL": "569", "CN": "86", "CO": "57", "CZ": "420", "DE": "491", "DK": "45",
    "EG": "201", "ES": "346", "FI": "358", "FR": "336", "GB": "447", "GR": "306", "HU": "362",
    "ID": "628", "IE": "353", "IL": "972", "IN": "91", "IT": "393", "JP": "81", "KR": "82",
    "MX": "52", "MY": "601", "NG": "234", "NL": "316", "NO": "47", "NZ": "642", "PH": "639",
    "PK": "923", "PL": "48", "PT": "351", "RO": "407", "RU": "79", "SA": "9665", "SE": "467",
    "SG": "65", "TH": "66", "TR": "905", "TW": "886", "UA": "380", "US": "1", "VN": "84",
    "ZA": "27",
}  # fmt: skip
"""What a country's numbers begin with: its calling code, with mobile digits where they are few."""


@functools.cache
def pools_file(locales: tuple[str, ...]) -> Path:
    """Return the file with the names of these locales, making it first. Raises ConfigError."""
    for code in locales:
        if code[-2:] not in CALLING_PREFIXES:
            known = ", ".join(CALLING_PREFIXES)
            raise ConfigError(
                f"dataset.locales: the phone numbers of {code} are not known",
                fix=f"name locales of these countries: {known}",
            )
    name = hashlib.sha256("\n".join(locales).encode()).hexdigest()[:16]
    file = home.cache() / "pools" / f"{name}.json"
    if not file.exists():
        content = _made(locales)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic_file.write(file, content.decode())
        except OSError as error:
            raise StorageError(
                f"cannot write {file}: {error.strerror}", fix=f"set {home.HOME_VARIABLE}"
            ) from None
    return file


@functools.cache
def pools_digest(locales: tuple[str, ...]) -> str:
    """Return what tells these names from those of other locales, or of another Faker."""
    return hashlib.sha256(pools_file(locales).read_bytes()).hexdigest()[:16]


def faker_of(locales: tuple[str, ...]) -> str:
    """Return the version of Faker that made these names."""
    return str(json.loads(pools_file(locales).read_bytes())["faker"])


def _made(locales: tuple[str, ...]) -> bytes:
    try:
        from seeding.dataset.make_pools import LocaleSpec, make_pools, serialise
    except ModuleNotFoundError:
        raise ConfigError(
            "dataset.locales needs Faker, which is not installed",
            fix='run `pip install "dragstrip[seed]"`, or leave dataset.locales out',
        ) from None
    specs = [LocaleSpec(code, 1, 120, 120, prefix=CALLING_PREFIXES[code[-2:]]) for code in locales]
    try:
        return serialise(make_pools(specs))
    except AttributeError as error:
        # Faker's own error for a locale that it does not have.
        raise ConfigError(
            f"dataset.locales: {error}", fix="name locales that Faker has, as id_ID"
        ) from None
