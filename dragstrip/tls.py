"""Who is trusted, and who this side is: for the timed requests and for all others alike."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import certifi

from dragstrip.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

HTTP_1_1, HTTP_2 = "http/1.1", "h2"
"""What ALPN calls the protocols."""


class TlsFiles(NamedTuple):
    """PEM files of one target: authorities to trust, and this side's certificate with its key."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


NO_FILES = TlsFiles()


@lru_cache(maxsize=8)
def context(files: TlsFiles, protocol: str = HTTP_1_1) -> ssl.SSLContext:
    """Return a context that trusts the system and certifi, or only `ca_file`. Raises ConfigError.

    Loading certificates takes tens of milliseconds, so every connection shares one context.
    """
    try:
        context = ssl.create_default_context(cafile=files.ca_file)
    except (OSError, ssl.SSLError):
        fix = "let the target's ca_file name a readable file of PEM certificates"
        raise ConfigError(f"cannot read certificates from {files.ca_file}", fix=fix) from None
    if files.ca_file is None:
        context.load_verify_locations(certifi.where())
    try:
        present_certificate(context, files)
    except ValueError as error:
        raise ConfigError(str(error), fix="correct the target's cert_file or key_file") from None
    context.set_alpn_protocols([protocol])
    return context


def present_certificate(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Let a context present the certificate of `files`, if there is one. Raises ValueError."""
    if files.cert_file is None:
        if files.key_file is not None:
            raise ValueError("key_file needs cert_file, the certificate that it is the key of")
        return
    for path in filter(None, files[1:]):
        try:
            path.read_bytes()
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from None
    try:
        # With a password given, none is asked for at the terminal.
        context.load_cert_chain(files.cert_file, files.key_file, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError("key_file is not the key of the certificate in cert_file") from None
        where = f", or {files.key_file} no key" if files.key_file else " and its key"
        raise ValueError(
            f"{files.cert_file} holds no PEM certificate{where} without a password"
        ) from None
