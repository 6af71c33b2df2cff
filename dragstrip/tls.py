"""Which certificates are trusted: by the timed requests and by all others alike."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import TYPE_CHECKING

import certifi

from dragstrip.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@lru_cache(maxsize=8)
def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the system and certifi, or only `ca_file`. Raises ConfigError.

    Loading certificates takes tens of milliseconds, so every connection shares one context.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        fix = "let the target's ca_file name a readable file of PEM certificates"
        raise ConfigError(f"cannot read certificates from {ca_file}", fix=fix) from None
    if ca_file is None:
        context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context
