"""Words for what the operating system and TLS report, the same on every platform."""

from __future__ import annotations

import socket
import ssl

from dragstrip.ledger.rows import Outcome


def explain(error: OSError, when: str) -> tuple[Outcome, str]:
    """Return the outcome that an error means, and words that group well. `when` follows "reset"."""
    if isinstance(error, TimeoutError):
        return Outcome.TIMEOUT, "the operating system gave up: timed out"
    return Outcome.CONNECTION, _words(error, when)[:200]


def _words(error: OSError, when: str) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"TLS: the certificate is not trusted: {error.verify_message}"
        case ssl.SSLEOFError():
            return f"TLS: cut off without notice {when}"
        case ssl.SSLError():
            return f"TLS: {(error.reason or 'error').replace('_', ' ').lower()}"
        case socket.gaierror():
            return f"the host name does not resolve: {error.strerror}"
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionResetError() | BrokenPipeError():
            return f"reset by the server {when}"
        case _:
            return error.strerror or type(error).__name__
