"""Any HTTP endpoint, described in dragstrip.toml or on the command line: docs/endpoints.md."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dragstrip.config import header_values
from dragstrip.config.headers import secret_parameters
from dragstrip.errors import ConfigError
from dragstrip.run.model import Facts
from dragstrip.scenario import Operation, Scenario, targets_of
from scenarios.http import samples, settings
from scenarios.http.builder import RequestBuilder
from scenarios.http.checks import compared
from scenarios.http.checks.race_checks import RaceChecks
from scenarios.http.data_file import DataFile
from scenarios.http.describe import describe
from scenarios.http.described import Description, unpack
from scenarios.http.rows import NoRows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from dragstrip.config.config import Config
    from dragstrip.run.folder import RunFolder
    from dragstrip.scenario import Check, Progress, Reply, Request, Target
    from dragstrip.scenario.answer_form import AnswerForm
    from scenarios.http.rows import Rows

_COMPARED_PER_S = 50.0


class Endpoint(Scenario):
    """Asks what is described for every row of a data file, or one request again and again."""

    name = "endpoint"
    target_fields = ("headers", "path", "auth")

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self._description: Description | None = None
        self._rows: Rows = NoRows()
        self._builders: dict[tuple[str, str], RequestBuilder] = {}
        self._remarks: list[str] = []
        self._checks: RaceChecks | None = None

    def validate(self) -> None:
        """Read what is described, and the whole data file. Raises ConfigError."""
        asked = settings.read(self.settings)
        data = _open(asked.data) if asked.data else None
        self._take(describe(asked, self.config.targets, data), data or NoRows())
        self._remarks = [*self._unused(data), *_remarks_on(self.config), *self._in_queries()]
        # So that a field of `expect` that makes no check is found before anything is sent.
        self.checks.comparisons()
        if data:
            used = {column for one in self._builders.values() for column in one.columns}
            in_headers = {name for one in self._builders.values() for name in one.header_columns}
            data.require_rows(frozenset(used), frozenset(in_headers))

    def variables(self) -> dict[str, str]:
        """Return the environment variables that headers refer to. Raises ConfigError."""
        if self._description is None:
            return {}
        described = self._description
        return header_values.variables(
            [
                *(operation.headers for operation in described.operations),
                *(target.headers for target in described.targets.values()),
            ]
        )

    def prepare(self, targets: Sequence[Target], progress: Progress) -> Facts:
        """Send a handful of untimed requests, and show what came back."""
        for remark in self._remarks:
            progress.say(f"warning: {remark}")
        if isinstance(self._rows, NoRows):
            progress.say(
                "warning: every request is the same, so that a cache may be what is measured; "
                "--data FILE gives each a row"
            )
        asked = samples.ask(self, targets, samples.first_rows(self))
        samples.require_fit(asked, progress)
        race = self.config.race
        self.checks.compare(
            race,
            per_s=race.rate or _COMPARED_PER_S,
            seed=self.config.dataset.seed,
            progress=progress,
        )
        return self._facts(len(asked) // len(targets))

    def request(self, target: Target, operation: Operation, key: int) -> Request:
        """Return the request for the row of a key."""
        return self._builders[target.name, operation.name](key)

    def check(self, target: Target, operation: Operation) -> Check:
        """Return what `expect` of the operation asks for."""
        return self.checks.check(target, operation)

    def explain(self, operation: Operation, key: int, reply: Reply) -> str:
        """Return which part of `expect` an answer fails, and how."""
        return self.checks.explain(operation, key, reply)

    def answer_form(self, operation: Operation) -> AnswerForm:
        """Return how `expect` of the operation compares answers."""
        return self.checks.form(operation)

    @property
    def checks(self) -> RaceChecks:
        """The checks of all operations, in this process. Raises ConfigError."""
        if self._checks is None:
            assert self._description is not None  # noqa: S101
            self._checks = RaceChecks(
                self.operations,
                {one.name: one.expect for one in self._description.operations},
                self._rows,
                list(targets_of(self.config).values()),
                self.request,
                keep_failures=self._description.keep_failures,
            )
        return self._checks

    def remarks(self, run: RunFolder) -> list[str]:
        """Say how many answers were compared with the other target's."""
        words = compared.in_words(compared.read(run.path))
        return [words] if words else []

    def finish(self, folder: Path, process: int) -> None:
        """Store what the checks of this process counted and kept."""
        self.checks.finish(folder, process)

    def secret_headers(self) -> Collection[str]:
        """Return the headers whose values stand in the environment or in a file."""
        return {name for one in self._builders.values() for name in one.secret_headers}

    def handoff(self) -> bytes | None:
        """Return what is described: a copied command may hold secrets."""
        if self._description is None:
            return None
        return replace(self._description, agreed=self.checks.pack()).pack()

    def receive(self, handoff: bytes | None) -> None:
        """Take what is described. Raises ConfigError where the data file is another one."""
        if handoff is None:
            if self._description is None:
                self.validate()
            return
        description = unpack(handoff)
        data = _open(description.data) if description.data else None
        if data and data.sha256 != description.sha256:
            raise ConfigError(
                f"scenario.data: {data.path} is not the file that the race was prepared with",
                fix="leave it alone while a race runs, and give every worker the same one",
            )
        self._take(description, data or NoRows())
        self.checks.take(description.agreed)

    def _take(self, description: Description, rows: Rows) -> None:
        self._description, self._rows = description, rows
        self._checks = None
        for operation in description.operations:
            header_values.register(operation.headers)
        for path in self._paths():
            header_values.register_query(path)
        self.keys = len(rows)
        self.operations = [
            Operation(one.name, one.weight, one.method) for one in description.operations
        ]
        self._builders = {
            (name, operation.name): RequestBuilder(operation, target, name, rows)
            for operation in description.operations
            for name, target in description.targets.items()
        }

    def _paths(self) -> set[str]:
        assert self._description is not None  # noqa: S101
        paths = [one.path for one in self._description.operations]
        paths += [one.path for one in self._description.targets.values()]
        return {path for path in paths if path}

    def _in_queries(self) -> list[str]:
        names = sorted({name for path in self._paths() for name in secret_parameters(path)})
        return [
            f"the query holds {name}, which looks like a secret and is stored with the run; send "
            "it in a header, as env:NAME, or by a {column} of --data"
            for name in names
        ]

    def _unused(self, data: DataFile | None) -> list[str]:
        if data is None or self._description is None:
            return []
        used = {column for one in self._builders.values() for column in one.columns}
        used |= {one.expect.column or "" for one in self._description.operations}
        return [
            f'scenario.data: the column "{name}" of {data.path.name} is never used'
            for name in data.columns
            if name not in used
        ]

    def _facts(self, asked: int) -> Facts:
        assert self._description is not None  # noqa: S101
        data, digest = self._description.data, self._description.sha256
        count = len(self._rows)
        what = (
            f"{count:,} rows of {data.name}"
            if data
            else "one request, repeated: a cache may be what was measured"
        )
        proof = (
            f"Before the first timed request, each target answered {asked} untimed ones; its "
            "answers are checked by the scenario's own rule. "
        )
        return Facts(
            data=what,
            proof=f"{proof}{self.checks.proof()} "
            + " ".join(f"{remark[0].upper()}{remark[1:]}." for remark in self._remarks),
            digest=digest or _digest(self._description),
            digest_of="SHA-256 of the data file" if digest else "digest of the request",
            answers="alike" if self.checks.are_alike else "checked",
            values={
                **self.checks.values(),
                "rows": count,
                "operations": ", ".join(f"{o.name} {o.weight:g}" for o in self.operations),
                "requests": _digest(self._description)[:16],
            },
            alike=["operations", "requests"],
            alike_fix="race the same requests with the same data file both times",
        )


def _open(path: Path) -> DataFile:
    """Return a data file; one that has not changed in between is read once."""
    try:
        status = path.stat()
    except OSError:
        return DataFile(path)
    return _opened(path.absolute(), status.st_size, status.st_mtime_ns)


@lru_cache(4)
def _opened(path: Path, size: int, changed_ns: int) -> DataFile:  # noqa: ARG001
    return DataFile(path)


def _digest(description: Description) -> str:
    """Return what tells one set of requests from another, without their secrets and addresses."""
    parts = [
        (one.name, one.method, one.path, sorted(one.headers), one.body and one.body.content)
        for one in description.operations
    ]
    paths = [target.path for target in description.targets.values()]
    return hashlib.sha256(repr((parts, paths)).encode()).hexdigest()


def _remarks_on(config: Config) -> list[str]:
    """Return what is worth knowing of the addresses."""
    targets = targets_of(config)
    remarks = []
    requests = {(one.url, config.targets[name].path) for name, one in targets.items()}
    if len(targets) > 1 and len(requests) == 1:
        remarks.append("both targets are the same address: this measures how far equals part")
    if len({urlsplit(one.url).scheme for one in targets.values()}) > 1:
        remarks.append("one target is asked by https and the other by http: TLS is part of the gap")
    return remarks
