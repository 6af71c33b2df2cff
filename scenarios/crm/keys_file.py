"""The user's own phone numbers, read from a file: what is asked of targets that must not be seeded.

No message quotes a number: they are customers'. A line of the file stands for it.
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from dragstrip.errors import ConfigError
from scenarios.crm import phone_form

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dragstrip.config.config import DatasetConfig

MOST_KEYS = 100_000
_MOST_BYTES = 16 * 2**20
_HEADERS = (["phone"], ["phone", "workspace_id"])
_LINE_END = re.compile("\r\n|\r|\n")
_NOT_A_DIGIT = re.compile("[^0-9]")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Phone numbers, as they stand in the file, and the workspace in which each is looked up."""

    phones: Sequence[str] = field(repr=False)
    workspace_ids: Sequence[str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.phones)

    def phone(self, key: int) -> str:
        """Return the number of a key, 0 <= key < len."""
        return self.phones[key]

    def workspace_id(self, key: int) -> str:
        """Return the workspace in which a key is looked up."""
        return self.workspace_ids[key]


@dataclass(frozen=True, slots=True)
class KeysFile:
    """What stood in a file: `lines` are the lines of its numbers, counted from 1."""

    name: str
    sha256: str
    numbers: Numbers
    lines: Sequence[int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.numbers)

    def place(self, key: int) -> str:
        """Return how messages call a number."""
        return f"{self.name}, line {self.lines[key]}"


def read(dataset: DatasetConfig) -> KeysFile | None:
    """Return what stands in `dataset.keys_file`; None where there is none. Raises ConfigError."""
    if dataset.keys_file is None:
        return None
    name = dataset.keys_file.name
    content = _content(dataset.keys_file)
    default = str(dataset.workspace_id) if dataset.workspace_id else None
    seen: dict[tuple[str, str], int] = {}
    phones: list[str] = []
    for line, fields in _rows(name, _text(name, content)):
        phone, workspace_id = _entry(name, line, fields, default)
        known = seen.setdefault((_NOT_A_DIGIT.sub("", phone), workspace_id), line)
        if known != line:
            raise _bad(name, line, f"the same number as in line {known}", "remove one of them")
        if len(phones) == MOST_KEYS:
            raise _bad(name, line, f"more than {MOST_KEYS:,} numbers", "choose some of them")
        phones.append(phone)
    if not phones:
        raise ConfigError(
            f"{name} holds no phone number", fix="give one `phone,workspace_id` a line"
        )
    # Few workspaces have many numbers each: one string serves them all.
    workspaces: dict[str, str] = {}
    workspace_ids = [workspaces.setdefault(one, one) for _, one in seen]
    return KeysFile(
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        numbers=Numbers(phones, workspace_ids),
        lines=list(seen.values()),
    )


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"dataset.keys_file: cannot read {path}: {reason}", fix="correct --keys-file"
        ) from None
    if len(content) > _MOST_BYTES:
        raise ConfigError(
            f"dataset.keys_file: {path} is larger than {_MOST_BYTES // 2**20} MiB",
            fix=f"choose some of its numbers: at most {MOST_KEYS:,} are asked for",
        )
    return content


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(_LINE_END.split(content[: error.start].decode("latin-1")))
        raise _bad(name, line, "not UTF-8 text", "save the file as UTF-8") from None


def _rows(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) without comments, blank lines and a header."""
    is_first = True
    for line, words in enumerate(_LINE_END.split(text), 1):
        comments = words.lstrip().startswith("#") and not phone_form.is_spreadsheet_error(words)
        if not words.strip() or comments:
            continue
        try:
            fields = [one.strip() for one in next(csv.reader([words], strict=True))]
        except csv.Error:
            raise _bad(name, line, "a quote that does not end", "remove it") from None
        if not (is_first and [one.lower() for one in fields] in _HEADERS):
            yield line, fields
        is_first = False


def _entry(name: str, line: int, fields: list[str], default: str | None) -> tuple[str, str]:
    phone, *rest = fields
    if len(rest) > 1:
        what = f"{len(fields)} fields"
        raise _bad(name, line, what, "give `phone,workspace_id`; quote a number with commas in it")
    problem = phone_form.problem_of(phone)
    if problem:
        raise _bad(name, line, *problem)
    return phone, _workspace(name, line, rest[0] if rest else "", default)


def _workspace(name: str, line: int, text: str, default: str | None) -> str:
    if not text and default:
        return default
    if not text:
        raise _bad(
            name, line, "no workspace", "add it after a comma, or give one for all: --workspace-id"
        )
    try:
        return str(UUID(text))
    except ValueError:
        raise _bad(name, line, "a workspace_id that is not a UUID", "correct it") from None


def _bad(name: str, line: int, what: str, fix: str) -> ConfigError:
    return ConfigError(f"{name}, line {line}: {what}", fix=fix)
