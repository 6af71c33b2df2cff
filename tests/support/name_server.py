"""A name server on loopback that knows one name, and a way to have a program ask it alone."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_ADDRESS = "127.0.53.53"
_A = 1


class NameServer:
    """Says that a name is 127.0.0.1, until it is stopped: then its port is closed."""

    def __init__(self, name: str) -> None:
        if os.geteuid() != 0:
            pytest.skip("the port of name servers needs root")
        self._question = b"".join(
            bytes([len(part)]) + part.encode() for part in (*name.split("."), "")
        )
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((_ADDRESS, 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port."""
        # It wakes the thread, as closing would not, and says that nothing is connected.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    @staticmethod
    def wrapper(folder: Path) -> tuple[str, ...]:
        """Return a command that runs another, which asks this server and no other."""
        configuration = folder / "resolv.conf"
        configuration.write_text(f"nameserver {_ADDRESS}\noptions timeout:1 attempts:1\n")
        program = f'mount --bind {configuration} /etc/resolv.conf && exec "$@"'
        return ("unshare", "--mount", "sh", "-c", program, "sh")

    def _serve(self) -> None:
        while True:
            try:
                asked, client = self._socket.recvfrom(512)
            except OSError:
                return
            if not asked:
                return
            self._socket.sendto(self._answer(asked), client)

    def _answer(self, asked: bytes) -> bytes:
        end = asked.index(b"\0", 12) + 1
        kind = int.from_bytes(asked[end : end + 2])
        is_known = asked[12:end].lower() == self._question
        records = [b"\xc0\x0c" + struct.pack("!HHIH4B", _A, 1, 0, 4, 127, 0, 0, 1)]
        found = records if is_known and kind == _A else []
        code = 0x8180 if is_known else 0x8183
        head = asked[:2] + struct.pack("!5H", code, 1, len(found), 0, 0)
        return head + asked[12 : end + 4] + b"".join(found)
