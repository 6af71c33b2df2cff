"""What the errors of the operating system and of TLS mean, in words alike on every platform."""

from __future__ import annotations

import socket
import ssl

from dragstrip.ledger.rows import Outcome


def explain(error: OSError, *, opening: bool, when: str) -> tuple[Outcome, str]:
    """Return the outcome that an error means, and words that group well.

    `opening` says whether the connection was still being made; `when` follows "reset".
    """
    match error:
        case TimeoutError():
            outcome = Outcome.CONNECT_TIMEOUT if opening else Outcome.TIMEOUT
            words = "the operating system gave up: timed out"
        case ssl.SSLCertVerificationError():
            outcome = Outcome.TLS
            words = f"TLS: the certificate is not trusted: {error.verify_message}"
        case ssl.SSLEOFError():
            outcome = Outcome.TLS if opening else Outcome.CLOSED
            words = f"TLS: cut off without notice {when}"
        case ssl.SSLError():
            outcome = Outcome.TLS
            words = f"TLS: {(error.reason or 'error').replace('_', ' ').lower()}"
        case socket.gaierror():
            outcome = Outcome.RESOLVE
            words = f"the host name does not resolve: {error.strerror}"
        case ConnectionRefusedError():
            outcome, words = Outcome.REFUSED, "connection refused"
        case ConnectionResetError() | BrokenPipeError():
            outcome, words = Outcome.RESET, f"reset by the server {when}"
        case _:
            outcome, words = Outcome.CONNECTION, error.strerror or type(error).__name__
    return outcome, words[:200]
