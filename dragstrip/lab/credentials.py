"""The lab's secrets: random, made once per home, in a file that only its owner reads."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from dragstrip import atomic_file
from dragstrip.errors import LabError
from dragstrip.lab.paths import home_error
from dragstrip.redact import register_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.lab.paths import Home

_MAKERS: dict[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": lambda: secrets.token_hex(24),
    "CONVEX_ADMIN_KEY": lambda: f"lab-{secrets.token_hex(24)}",
    # Supabase's own form of a publishable and a secret key.
    "SUPABASE_PUBLISHABLE_KEY": lambda: f"sb_publishable_{secrets.token_hex(16)}",
    "SUPABASE_SERVICE_ROLE_KEY": lambda: f"sb_secret_{secrets.token_hex(24)}",
    "CRM_API_KEY": lambda: secrets.token_hex(24),
    "KAPSO_WEBHOOK_SECRET": lambda: secrets.token_hex(24),
    "SEED_SECRET": lambda: secrets.token_hex(24),
}


def load(home: Home) -> dict[str, str]:
    """Read the home's secrets. Raises LabError when they are missing or unreadable."""
    try:
        found = json.loads(home.secrets_file.read_text())
    except FileNotFoundError:
        raise LabError(
            f"there are no secrets in {home.folder}", fix="run `dragstrip lab up` first"
        ) from None
    except OSError as error:
        raise home_error(home.secrets_file, error) from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise LabError(
            f"{home.secrets_file} does not hold the lab's secrets",
            fix="run `dragstrip lab down --purge`, which removes the lab's data as well",
        )
    for value in found.values():
        register_secret(value)
    return found


def make_known(home: Home) -> None:
    """Have `redact` know the home's secrets, if it has any that can be read."""
    with suppress(LabError):
        load(home)


def load_or_create(home: Home) -> dict[str, str]:
    """Read the home's secrets, making those that are missing. Raises LabError."""
    found = load(home) if home.secrets_file.exists() else {}
    missing = {name: make() for name, make in _MAKERS.items() if name not in found}
    if missing:
        found |= missing
        for value in missing.values():
            register_secret(value)
        write_private(home, found)
    return found


def write_private(home: Home, values: dict[str, str]) -> None:
    """Write the secrets file with mode 0600, complete or not at all."""
    try:
        atomic_file.write(home.secrets_file, json.dumps(values, indent=2), private=True)
    except OSError as error:
        raise home_error(home.secrets_file, error) from None
