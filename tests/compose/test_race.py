"""Races in containers: one conducts and two make the load, whole and with what may go wrong."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from dragstrip.analysis.recount import recount
from dragstrip.run.folder import RunFolder
from tests.compose import engine
from tests.compose.project import IMAGE, Project, project
from tests.compose.test_compose import bridge_address, lab_of_its_own, readable, wait
from tests.compose.witness import Forwarder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1_200)]

_TOML = """
[targets.convex]
kind = "convex-http"
[targets.supabase]
kind = "next-supabase"
[dataset]
seed = 42
contacts = 200
[race]
rate = 60
connections = 8
pairs = {pairs}
slice = 2
warmup = 0.5
[rules]
metric = "p50"
"""

__all__ = ["lab_of_its_own"]


@dataclass(frozen=True)
class Racing:
    """A race under way in containers."""

    project: Project
    place: Path

    def race(self) -> str:
        """Return the container that conducts."""
        return self.project.containers("race")[0]

    def racers(self) -> list[str]:
        """Return the containers that make the load."""
        return self.project.containers("racer")

    def wait_for_slices(self, count: int) -> None:
        """Wait until so many slices are over."""
        wait(lambda: self.slices() >= count, f"{count} slices", 120)

    def slices(self) -> int:
        """Return how many slices are stored."""
        script = "cat /harness/runs/latest/slices.jsonl 2>/dev/null | wc -l"
        return int(engine.docker("exec", self.race(), "sh", "-c", script) or 0)

    def code(self, container: str, limit_s: float) -> int:
        """Wait for a container to end, and return its exit code."""
        return int(engine.docker("wait", container, limit_s=limit_s))

    def stored(self) -> RunFolder:
        """Copy the runs out of their volume, and return the one that is there."""
        target = self.place / "runs"
        shutil.rmtree(target, ignore_errors=True)
        engine.docker("cp", f"{self.race()}:/harness/runs", str(target))
        (folder,) = (path for path in target.iterdir() if path.is_dir() and not path.is_symlink())
        return RunFolder(folder)


@pytest.fixture(scope="module")
def addresses(lab_of_its_own: dict[str, str]) -> Iterator[dict[str, str]]:
    names = ("CONVEX_URL", "CONVEX_SITE_URL", "SUPABASE_URL", "NEXT_URL")
    ports = {name: httpx.URL(lab_of_its_own[name]).port or 80 for name in names}
    with Forwarder(bridge_address()).forwarding(ports) as found:
        yield found


@pytest.fixture
def racing(
    addresses: dict[str, str], lab_of_its_own: dict[str, str], tmp_path: Path
) -> Callable[[int], Any]:
    """Return what starts a race of so many pairs, gone with its volumes afterwards."""

    @contextmanager
    def start(pairs: int) -> Iterator[Racing]:
        toml = readable(tmp_path / "dragstrip.toml", _TOML.format(pairs=pairs))
        for name in ("CONVEX_ADMIN_KEY", "SUPABASE_SERVICE_ROLE_KEY", "CRM_API_KEY"):
            readable(tmp_path / name.lower(), lab_of_its_own[name] + "\n")
        readable(tmp_path / "worker_token", secrets.token_hex(16) + "\n")
        given = {
            "DRAGSTRIP_LAB": "1",
            "DRAGSTRIP_TOML": str(toml),
            "DRAGSTRIP_SECRETS": str(tmp_path),
        }
        with project(addresses | given, "--profile", "race") as made:
            services = ("--scale", "racer=2", "race", "racer")
            made.compose("up", "--detach", *services, limit_s=400)
            yield Racing(made, tmp_path)

    return start


def test_a_race_of_two_containers_is_what_their_ledgers_hold(racing: Any) -> None:
    with racing(6) as one:
        code = one.code(one.race(), 300)
        folder = one.stored()
        run = folder.read_run()
        # Whether it is valid says something of this machine: all else is exact.
        assert code in {0, 3}, one.project.logs()
        finish = folder.read_finish()
        assert finish is not None
        assert len(finish["workers"]) == 2
        assert not run.interrupted
        assert {one.code(each, 60) for each in one.racers()} == {0}
        found = recount(folder)
        assert found.holds, found
        assert len(found.rows) == 2
        logs = one.project.logs()
        assert (one.place / "worker_token").read_text().strip() not in logs


def test_a_killed_racer_voids_its_pair_and_the_run_and_one_held_up_by_its_limit_is_seen(
    racing: Any,
) -> None:
    with racing(6) as one:
        one.wait_for_slices(2)
        killed, throttled = one.racers()
        engine.docker("kill", killed)
        # Each slice asks of one process a few hundredths of a core, in bursts.
        engine.docker("update", "--cpus", "0.05", throttled)
        assert one.code(one.race(), 300) == 3, one.project.logs()
        verdict = json.loads((one.stored().path / "verdict.json").read_text())
        failed = {gate["name"] for gate in verdict["gates"] if not gate["passed"]}
        assert verdict["verdict"] == "invalid"
        assert {"lost_workers", "voided_pairs", "throttled"} <= failed

        script = "from dragstrip.run.machine import this_machine as m; print(m().cpu_quota)"
        quota = ("run", "--rm", "--cpus", "1.5", IMAGE, "python", "-c", script)
        assert engine.docker(*quota).strip() == "1.5"


@pytest.mark.parametrize(("cut_s", "is_lost"), [(5, False), (40, True)])
def test_a_racer_whose_network_is_cut(racing: Any, cut_s: float, is_lost: bool) -> None:
    with racing(6 if not is_lost else 14) as one:
        one.wait_for_slices(2)
        racer = one.racers()[0]
        network = next(iter(engine.inspect(racer)["NetworkSettings"]["Networks"]))
        engine.docker("network", "disconnect", network, racer)
        time.sleep(cut_s)
        engine.docker("network", "connect", network, racer)
        code = one.code(one.race(), 300)
        lost = one.stored().read_finish()
        assert lost is not None
        assert bool(lost["lost_workers"]) == is_lost, one.project.logs()
        # Without its network its requests fail, or it is lost: neither can pass for a result.
        assert code == 3


def test_workers_of_a_killed_master_end_and_the_run_can_be_read(racing: Any) -> None:
    with racing(30) as one:
        one.wait_for_slices(2)
        engine.docker("kill", one.race())
        begun = time.monotonic()
        codes = {one.code(each, 90) for each in one.racers()}
        assert time.monotonic() - begun < 60
        assert codes == {3}
        folder = one.stored()
        assert len(list(folder.read_slices())) >= 2
        report = (sys.executable, "-m", "dragstrip", "report", str(folder.path))
        shown = subprocess.run(report, capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stderr
        assert "the race was interrupted" in " ".join(shown.stdout.split())
