"""Runs real races between stand-ins: the command, Locust and the stored run are the real ones.

Most of a short race is waiting, so that several run side by side where nothing is timed closely.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import psutil

from dragstrip.analysis.gates import GATES
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import Config, RulesConfig
from dragstrip.race import race
from dragstrip.race.locust_process import LAUNCHER
from dragstrip.run.folder import RunFolder
from seeding.dataset.dataset import Dataset
from tests.support import locust_runs
from tests.support.race_program import ANYHOW
from tests.support.setups import setup_of
from tests.support.stand_in import API_KEY, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dragstrip.config.config import Metric
    from dragstrip.ledger.rows import Rows
    from dragstrip.live.follow import State
    from dragstrip.run.model import Run, Verdict

DATASET = Dataset(42, 60)
SHORT = {"pairs": 2, "slice": 0.6, "warmup": 0.1, "rate": 150, "connections": 16, "timeout": 5}

OF_THE_MACHINE = {rule.name for rule in GATES if rule.about_speed}
"""The gates that fail where a machine has too much else to do."""

_PATIENCE_S = 200


class Quiet:
    def say(self, line: str) -> None:
        pass

    def watch(self, state: State, metric: Metric) -> None:
        pass


def sections(old: str, new: str, **settings: Any) -> dict[str, Any]:
    """Return a configuration with targets at these addresses; `rules` may be among the settings."""
    rules = settings.pop("rules", {})
    return {
        "targets": {
            "old": {"kind": "next-supabase", "url": old},
            "new": {"kind": "convex-http", "url": new},
        },
        "dataset": {"seed": DATASET.seed, "contacts": DATASET.contacts},
        "race": {"baseline": "old", "challenger": "new", **SHORT, **settings},
        "rules": rules,
    }


def configure(old: StandIn, new: StandIn, **settings: Any) -> Config:
    config = Config.model_validate(sections(old.url, new.url, **settings))
    return config.with_environment({"CRM_API_KEY": API_KEY})


def run(
    out: Path,
    config: Config,
    *,
    processes: int = 1,
    seed: int = 7,
    progress: race.RaceProgress | None = None,
) -> race.Result:
    """Race in this process, without lab, seeding and preflight, which stand-ins cannot pass."""
    options = race.Options(out=out, processes=processes, seed=seed)
    return race.run_once(setup_of(config, options), progress or Quiet())


@dataclass
class Raced:
    """A race that `dragstrip race` runs or ran in a folder of its own."""

    place: Path
    process: subprocess.Popen[str]
    said: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def folder(self) -> RunFolder:
        """Its run's folder, once there is one."""
        return RunFolder(self.place / "runs" / "latest")

    @property
    def run(self) -> Run:
        return self.folder.read_run()

    @property
    def verdict(self) -> Verdict:
        from dragstrip.run.model import Verdict

        return Verdict.model_validate_json((self.folder.path / "verdict.json").read_bytes())

    @property
    def failed_gates(self) -> set[str]:
        return {gate.name for gate in self.verdict.gates if not gate.passed}

    def gate(self, name: str) -> float:
        """Return a gate's figure."""
        return next(gate.figure for gate in self.verdict.gates if gate.name == name)

    def rows(self, target: int | None = None) -> Rows:
        """Return the ledgers' rows, of one target or all."""
        rows: Rows = np.concatenate([part.rows for part in self.folder.read_ledger()])
        return rows if target is None else rows[rows["target"] == target]

    def slices_done(self) -> int:
        with suppress(OSError):
            return self.folder.count_slices()
        return 0

    def under_way(self, slices: int = 0) -> bool:
        """Whether so many slices are over, for a test that waits; fails if the race is."""
        assert self.process.poll() is None, self.process.communicate()
        return (self.folder.path / "run.json").exists() and self.slices_done() >= slices

    def wait(self) -> Self:
        """Wait for its end."""
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
        assert self.said is not None
        return self.said[0]

    @property
    def errors(self) -> str:
        self.wait()
        assert self.said is not None
        return self.said[1]

    def require_sound(self) -> None:
        """Fail unless it came to a verdict, but for what depends on how busy this machine is."""
        assert self.code in {0, 3}, self.said
        assert self.failed_gates <= OF_THE_MACHINE, (self.failed_gates, self.said)
        assert self.code == (3 if self.failed_gates else 0), self.said

    def files_with(self, text: str) -> list[str]:
        """Return the stored files in which a text stands."""
        files = [path for path in (self.place / "runs").rglob("*") if path.is_file()]
        return [str(path) for path in files if text.encode() in path.read_bytes()]

    def processes(self) -> list[psutil.Process]:
        """Return the processes that it has started and that run."""
        with suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children(recursive=True)
            return [child for child in children if command_line(child)]
        return []

    def locusts(self) -> list[psutil.Process]:
        """Return those of them that are Locust's."""
        return [child for child in self.processes() if LAUNCHER in command_line(child)]

    def stop(self) -> None:
        """End whatever is left of it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(_PATIENCE_S)


def start(
    place: Path,
    configuration: Mapping[str, Any],
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    modules: Path | None = None,
    wrapper: tuple[str, ...] = (),
    anyhow: bool = True,
) -> Raced:
    """Start `dragstrip race` in a folder, as a user would.

    `modules` is a folder in which its processes look for modules first, `wrapper` a command to run
    it by. It refuses what can give no verdict unless it is to run `anyhow`.
    """
    place.mkdir(parents=True, exist_ok=True)
    (place / "dragstrip.toml").write_text(toml(configuration))
    variables = {"CRM_API_KEY": API_KEY, **homes(place)}
    path = os.pathsep.join(str(one) for one in (modules, locust_runs.ROOT) if one)
    program = [sys.executable, "-m", "tests.support.race_program", *([ANYHOW] * anyhow), "race"]
    variables |= {"PYTHONPATH": path} | dict(environ or {})
    return Raced(place, popen(place, [*wrapper, *program, *arguments], variables))


def popen(
    place: Path,
    command: Sequence[str],
    variables: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[str]:
    """Start a command in a folder, with these of dragstrip's variables and none of the others."""
    return subprocess.Popen(
        command,
        cwd=place,
        env=locust_runs.environment(variables),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def racing(
    place: Path, configuration: Mapping[str, Any], *arguments: str, **how: Any
) -> Iterator[Raced]:
    """Run a race beside the block; nothing is left of it afterwards."""
    raced = start(place, configuration, *arguments, **how)
    try:
        yield raced
    finally:
        raced.stop()


def judged_anyhow(folder: RunFolder, **rules: object) -> tuple[Run, Verdict]:
    """Judge a stored run by other rules, and as if this machine had had nothing else to do.

    Nor does it matter whether its slices are long enough for another quantile.
    """
    stored = folder.read_run()
    config = stored.config | {"rules": stored.config["rules"] | rules}
    run, _ = race.conclude(
        folder, stored.model_copy(update={"config": config}), interrupted=stored.interrupted
    )
    passed_over = OF_THE_MACHINE | ({"samples_per_slice"} if "metric" in rules else set())
    sound = [gate for gate in run.gates if gate.name not in passed_over]
    assert all(gate.passed for gate in sound), sound
    run = run.model_copy(update={"gates": sound})
    return run, judge(run, RulesConfig.model_validate(config["rules"]))


def homes(place: Path) -> dict[str, str]:
    """Keep this machine's lab and calibration out of a race."""
    return {"DRAGSTRIP_HOME": str(place / "home"), "DRAGSTRIP_LAB_HOME": str(place / "lab")}


def command_line(process: psutil.Process) -> list[str]:
    """Return how a process was started; nothing of one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def toml(configuration: Mapping[str, Any]) -> str:
    """Return a configuration as TOML; JSON's strings, numbers and lists are TOML's, too."""
    lines: list[str] = []

    def table(name: str, values: Mapping[str, Any]) -> None:
        lines.append(f"[{name}]")
        inner = {key: value for key, value in values.items() if isinstance(value, dict)}
        lines.extend(f"{k} = {json.dumps(v)}" for k, v in values.items() if k not in inner)
        for key, value in inner.items():
            table(f"{name}.{key}", value)

    for name, values in configuration.items():
        table(name, values)
    return "\n".join(lines) + "\n"
