"""Lookups of phone numbers from a file: the targets' answers are compared with each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError, DataDiffers, PreflightError
from dragstrip.run.model import Facts
from dragstrip.scenario.check import JsonCheck, table_bits_for
from scenarios.crm import compare_targets, keys_file, references
from scenarios.crm.wrong_key import refuses_wrong_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.config.config import Config
    from dragstrip.run.folder import RunFolder
    from dragstrip.scenario import Progress, Target
    from scenarios.crm.keys_file import KeysFile, Numbers
    from scenarios.crm.lookup_kind import LookupKind
    from scenarios.crm.references import CheckedKeys, References

_SAME_KEYS = "race with the same keys file, over data that has not changed in between"


class OwnNumbers:
    """The numbers of a keys file, for targets that must not be seeded.

    They and what was answered stand in no file: other processes get them by `handoff`.
    """

    has_misses = False

    def __init__(self, config: Config) -> None:
        self._config = config
        self._file: KeysFile | None = None
        self._checked: CheckedKeys | None = None

    @property
    def keys(self) -> int:
        """How many numbers there are."""
        return len(self._numbers)

    def validate(self) -> None:
        """Read the file. Raises ConfigError."""
        self._read()

    def prepare(self, targets: Sequence[Target], progress: Progress) -> Facts:
        """Prove that both targets check their key and give one answer to each number."""
        file = self._read()
        per_s = compare_targets.rate_per_s(self._config)
        progress.say(
            f"preflight: both targets are asked for {len(file):,} numbers of {file.name}, "
            f"{per_s:g} a second: {math.ceil(len(file) / per_s):,} s or more"
        )
        phone, workspace_id = file.numbers.phone(0), file.numbers.workspace_id(0)
        for target in targets:
            refuses_wrong_key(target, phone, workspace_id, self._config.race)
        try:
            checked = compare_targets.compare(
                self._config, file, lambda line: progress.say(f"preflight: {line}")
            )
        except DataDiffers as difference:
            raise PreflightError(difference.message, fix=difference.fix) from None
        self._checked = checked
        self._take(file.numbers, checked.references)
        return _facts(checked)

    def review(self, run: RunFolder) -> str | None:
        """Return how answers changed while the race ran."""
        assert self._checked is not None  # noqa: S101
        return compare_targets.changed(self._config, self._checked, run.read_plan().seed)

    def handoff(self) -> bytes | None:
        """Return the numbers, and a keyed hash of each answer."""
        return self._checked.handover() if self._checked else None

    def receive(self, handoff: bytes | None) -> None:
        """Take what `handoff` gave. Raises ConfigError for None, StorageError for a damaged one."""
        if handoff is None:
            raise ConfigError(
                "dataset.keys_file: Locust by itself compares no targets with each other",
                fix="use `dragstrip race`, or configure data that was seeded",
            )
        own = references.unpack(handoff)
        self._take(own.numbers, own.references)

    def first_check_s(self) -> float:
        """Return 0: a hash of the answer is all that is compared."""
        return 0.0

    def _take(self, numbers: Numbers, known: References) -> None:
        self._numbers = numbers
        self.phone, self.workspace_id = numbers.phone, numbers.workspace_id
        self._known = known
        self.check = self._check(known.mark)

    def check_of(self, kind: LookupKind) -> JsonCheck:
        """Return the check of a kind's answers: one for all kinds whose bodies are alike."""
        return self._check(kind.form(self._known.mark)) if kind.has_envelope else self.check

    def _check(self, form: Callable[[object], bytes]) -> JsonCheck:
        known, numbers = self._known, self._numbers
        return JsonCheck(known.expected, form=form, table_bits=table_bits_for(len(numbers)))

    def _read(self) -> KeysFile:
        if self._file is None:
            self._file = keys_file.read(self._config.dataset)
            if self._file is None:
                raise ConfigError("dataset.keys_file is not set", fix="give --keys-file FILE")
            self._numbers = self._file.numbers
        return self._file


def _facts(checked: CheckedKeys) -> Facts:
    file = checked.file
    return Facts(
        data=f"{len(file):,} phone numbers from a keys file, {checked.found:,} of them known",
        answers="alike",
        proof=(
            "The targets' answers were compared with each other before the race, not with known "
            "data: equal, not proven right."
        ),
        digest=file.sha256,
        digest_of="SHA-256 of the keys file",
        values={"keys": len(file), "found": checked.found},
        # Live data cannot be proven to be the same; that the same numbers are known is a sign.
        alike=["keys", "found"],
        alike_fix=_SAME_KEYS,
        unchanged="After the race a sample was asked again and was answered the same.",
        commands=["verify"],
    )
