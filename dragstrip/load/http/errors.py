"""What the errors of the operating system and of TLS mean, in words alike on every platform."""

from __future__ import annotations

import errno
import socket
import ssl

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.timeouts import CONNECT, Limits

_OWN_LIMITS = {
    errno.EMFILE: Outcome.OUT_OF_FILES,
    errno.ENFILE: Outcome.OUT_OF_FILES,
    errno.EADDRNOTAVAIL: Outcome.OUT_OF_PORTS,
    errno.ENOMEM: Outcome.OUT_OF_MEMORY,
    errno.ENOBUFS: Outcome.OUT_OF_MEMORY,
}
"""What this machine, and not the target, has run out of."""

_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
"""What a name server says that answered; all else says that it did not, or could not be asked."""


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
        case socket.gaierror() if error.errno in _NO_SUCH_NAME:
            outcome = Outcome.RESOLVE
            words = f"the host name does not resolve: {error.strerror}"
        case socket.gaierror():
            outcome = Outcome.NAME_SERVER
            words = f"the host name could not be looked up: {error.strerror}"
        case ConnectionRefusedError():
            outcome, words = Outcome.REFUSED, "connection refused"
        case ConnectionResetError() | BrokenPipeError():
            outcome, words = Outcome.RESET, f"reset by the server {when}"
        case _:
            outcome = _OWN_LIMITS.get(error.errno or 0, Outcome.CONNECTION)
            words = error.strerror or type(error).__name__
    return outcome, words[:200]


def too_late(limits: Limits, phase: str, *, whole: bool, resolving: bool) -> tuple[Outcome, str]:
    """Return the outcome of a deadline that passed, and words.

    The outcome has the name of the limit that struck, of which `whole` is the one for everything;
    the words say what it struck at.
    """
    outcome, limit_s = Outcome.TIMEOUT, limits.total_s
    if phase is CONNECT and resolving:
        return Outcome.NAME_SERVER, "the name server gave no answer"
    if not whole:
        if phase is CONNECT:
            outcome, limit_s = Outcome.CONNECT_TIMEOUT, limits.connect_s or limit_s
        else:
            outcome, limit_s = Outcome.FIRST_BYTE_TIMEOUT, limits.first_byte_s or limit_s
    return outcome, f"{phase} within {limit_s:g} s"
