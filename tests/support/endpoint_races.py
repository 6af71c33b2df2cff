"""Runs `dragstrip race` between servers of a test, as a user would, in a folder of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.run.folder import RunFolder
from dragstrip.run.model import Verdict
from tests.support import locust_runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dragstrip.run.model import Run

OF_THE_MACHINE = {
    "send_delay_p99_ms",
    "loop_lag_ms",
    "generator_cpu",
    "no_connection",
    "achieved_rate",
}
"""The gates that fail where a machine has too much else to do."""

SHORT = "[race]\npairs = 6\nslice = 1\nwarmup = 0.2\ntimeout = 5\n"
"""As short as a race can be that may give a verdict."""

_PATIENCE_S = 200


@dataclass
class EndpointRace:
    place: Path
    process: subprocess.Popen[str]
    said: tuple[str, str] | None = None

    def wait(self) -> EndpointRace:
        if self.said is None:
            self.said = self.process.communicate(timeout=_PATIENCE_S)
        return self

    @property
    def code(self) -> int:
        self.wait()
        return self.process.returncode

    @property
    def output(self) -> str:
        self.wait()
        assert self.said
        return self.said[0]

    @property
    def errors(self) -> str:
        """What it wrote to stderr, with lines that were wrapped joined again."""
        self.wait()
        assert self.said
        return self.said[1]

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.place / "runs" / "latest")

    @property
    def run(self) -> Run:
        return self.folder.read_run()

    @property
    def verdict(self) -> Verdict:
        return Verdict.model_validate_json((self.folder.path / "verdict.json").read_bytes())

    def require_sound(self) -> None:
        """Fail unless it came to a verdict, but for what depends on how busy this machine is."""
        assert self.code in {0, 3}, self.said
        failed = {gate.name for gate in self.verdict.gates if not gate.passed}
        assert failed <= OF_THE_MACHINE, (failed, self.said)
        assert self.code == (3 if failed else 0), self.said

    def files_with(self, text: str) -> list[str]:
        """Return the stored files in which a text stands."""
        files = [path for path in (self.place / "runs").rglob("*") if path.is_file()]
        return [str(path) for path in files if text.encode() in path.read_bytes()]

    def stored(self, name: str) -> str:
        """Return a JSON file of the run on one line."""
        return json.dumps(json.loads((self.folder.path / name).read_text()))


@contextmanager
def racing(
    place: Path,
    *arguments: str,
    toml: str = "",
    environ: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
) -> Iterator[EndpointRace]:
    """Run a race beside the block; nothing is left of it afterwards."""
    place.mkdir(parents=True, exist_ok=True)
    if toml:
        (place / "dragstrip.toml").write_text(toml)
    homes = {"DRAGSTRIP_HOME": str(place / "home"), "DRAGSTRIP_LAB_HOME": str(place / "lab")}
    process = subprocess.Popen(
        [sys.executable, "-m", "dragstrip", "race", *arguments],
        cwd=place,
        env=locust_runs.environment(
            {"PYTHONPATH": str(locust_runs.ROOT), **homes, **(environ or {})}
        ),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    race = EndpointRace(place, process)
    try:
        yield race
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(_PATIENCE_S)
