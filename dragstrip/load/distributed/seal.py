"""Binds each message between master and workers to the race's token, by an HMAC-SHA256.

Locust's port takes messages from anybody. Here a frame begins with the digest of its content under
the token; without it, nothing in the frame is believed. The token itself is never sent.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
from typing import TYPE_CHECKING

from dragstrip.load import locust_compat
from dragstrip.run.ipc import EXIT_USAGE, TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

_DIGEST_BYTES = 32


class Unsealed(ValueError):
    """A frame does not carry the digest that the token gives."""


class Seal:
    """What seals the frames that leave this process, and opens those that come in.

    `on_stranger` is called with each frame that is not sealed, before it is refused.
    """

    def __init__(self, token: str) -> None:
        self._key = token.encode()
        self.is_trusted = False
        self.on_stranger: Callable[[bytes], None] | None = None

    def close(self, content: bytes) -> bytes:
        """Return the frame that carries the content."""
        return self._digest(content) + content

    def open(self, frame: bytes) -> bytes:
        """Return the content of a frame. Raises Unsealed."""
        content = frame[_DIGEST_BYTES:]
        if not hmac.compare_digest(frame[:_DIGEST_BYTES], self._digest(content)):
            if self.on_stranger:
                self.on_stranger(frame)
            raise Unsealed
        # The other end knows the token: what comes unsealed from here on is noise.
        self.is_trusted = True
        return content

    def leave_unless_trusted(self, _: bytes) -> None:
        """End this worker: the master answered it, and has another token."""
        if self.is_trusted:
            return
        sys.stderr.write(
            f"error: the race did not accept this worker: its {TOKEN_VARIABLE} is another\n"
            f"  fix: set {TOKEN_VARIABLE} to what the race shows\n"
        )
        sys.stderr.flush()
        # Locust would wait five minutes for an answer; nothing is open yet.
        os._exit(EXIT_USAGE)

    def _digest(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)


_of_process: list[Seal] = []


def seal_messages() -> None:
    """Seal all messages of this process and its forks, where the environment has a token."""
    token = os.environ.pop(TOKEN_VARIABLE, None)
    if token is not None:
        seal = Seal(token)
        if "--worker" in sys.argv:
            seal.on_stranger = seal.leave_unless_trusted
        locust_compat.seal_messages(seal.close, seal.open)
        _of_process.append(seal)


def current() -> Seal | None:
    """Return what seals this process's messages; None where nothing does."""
    return _of_process[-1] if _of_process else None


def claimed_name(frame: bytes) -> str:
    """Return who a frame that is not sealed says it is from, fit to be shown."""
    names = (locust_compat.sender_of(frame), locust_compat.sender_of(frame[_DIGEST_BYTES:]))
    name = next(filter(None, names), "a stranger")
    return "".join(one if one.isprintable() else "?" for one in name)[:80]
