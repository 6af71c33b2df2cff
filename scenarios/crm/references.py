"""What is known of the user's own data: whom to ask for, and a keyed hash of what was answered.

The answers are customers' data, so they are never kept. Nor are the numbers written anywhere: they
reach the processes that make the load through a pipe, and workers elsewhere by message.
"""

from __future__ import annotations

import secrets
import zlib
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

from dragstrip.errors import StorageError
from dragstrip.scenario.check import canonical
from scenarios.crm.keys_file import Numbers

if TYPE_CHECKING:
    from scenarios.crm.keys_file import KeysFile

MARK_BYTES = 16
_KEY_BYTES = 32
_MOST_BYTES = 64 * 2**20


class References:
    """What every key was answered, as a hash of the canonical answer under a key of this run."""

    __slots__ = ("_key", "_marks")

    def __init__(self, key: bytes | None = None, marks: bytes = b"") -> None:
        self._key = key or secrets.token_bytes(_KEY_BYTES)
        self._marks = bytearray(marks)

    def __len__(self) -> int:
        return len(self._marks) // MARK_BYTES

    def mark(self, document: object) -> bytes:
        """Return the hash of an answer. Raises orjson.JSONEncodeError for one nested too deep."""
        return blake2b(canonical(document), digest_size=MARK_BYTES, key=self._key).digest()

    def append(self, mark: bytes) -> None:
        """Take the hash of the next key's answer."""
        self._marks += mark

    def expected(self, key: int) -> bytes:
        """Return the hash of a key's answer."""
        return bytes(self._marks[key * MARK_BYTES : (key + 1) * MARK_BYTES])

    def secret(self) -> tuple[str, str]:
        """Return the key and the hashes as text."""
        return self._key.hex(), self._marks.hex()


@dataclass(frozen=True, slots=True)
class OwnData:
    """What a process needs to ask for the user's own numbers and to judge the answers."""

    numbers: Numbers
    references: References = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckedKeys:
    """A file of numbers, of which the targets know `found`, and what they answer."""

    file: KeysFile
    references: References = field(repr=False)
    found: int

    def handover(self) -> bytes:
        """Return what `unpack` reads in another process."""
        numbers = self.file.numbers
        workspaces = list(dict.fromkeys(numbers.workspace_ids))
        place = {one: number for number, one in enumerate(workspaces)}
        key, marks = self.references.secret()
        document = {
            "phones": numbers.phones,
            "workspaces": workspaces,
            "in": [place[one] for one in numbers.workspace_ids],
            "key": key,
            "marks": marks,
        }
        return zlib.compress(orjson.dumps(document))


def unpack(packed: bytes) -> OwnData:
    """Read what CheckedKeys.handover gave. Raises StorageError."""
    try:
        stream = zlib.decompressobj()
        document = orjson.loads(stream.decompress(packed, _MOST_BYTES))
        phones = [str(one) for one in document["phones"]]
        workspaces = [str(document["workspaces"][place]) for place in document["in"]]
        references = References(bytes.fromhex(document["key"]), bytes.fromhex(document["marks"]))
    except (zlib.error, ValueError, LookupError, TypeError):
        raise StorageError("the numbers that were handed over cannot be read") from None
    if not (stream.eof and len(phones) == len(workspaces) == len(references)):
        raise StorageError("the numbers from the master are incomplete")
    return OwnData(Numbers(phones, workspaces), references)
