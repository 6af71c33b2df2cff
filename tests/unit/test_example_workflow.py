"""The example workflow: of GitHub's form, and every script in it does what docs/ci.md says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dragstrip.run.folder import RunFolder
from tests.support import locust_runs
from tests.support.races import DATASET, SHORT, homes, toml
from tests.support.runs import conclude, finish_of, plan_of, record
from tests.support.stand_in import API_KEY, StandIn
from tests.support.workflow import Job

if TYPE_CHECKING:
    from dragstrip.run.model import Run

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "race-pull-request.yml"
WORKFLOWS = [EXAMPLE, *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]

PULL_REQUEST = {
    "github.event_name": "pull_request",
    "github.repository": "me/project",
    "github.event.pull_request.head.repo.full_name": "me/project",
    "github.event.pull_request.number": "7",
    "github.token": "a-token",
}
PUSH = PULL_REQUEST | {"github.event_name": "push", "github.event.pull_request.number": ""}

# In place of the program: the one that races without stores, or one that brings a recorded race.
REAL = '#!/bin/sh\nexec "{python}" -m tests.support.race_program --anyhow "$@"\n'
RECORDED = """#!/bin/sh
if [ "$1" = race ]; then
  mkdir -p runs; cp -R "$RECORDED" runs/new; ln -s new runs/latest; exit {code}
fi
exec "{python}" -m dragstrip "$@"
"""
GH = '#!/bin/sh\necho "$@" > gh-called; cat comment.md > commented.md\n'


def workflow(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workflow(EXAMPLE)["jobs"]["race"]["steps"]
    return found


def test_workflows_are_of_githubs_form() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    done = subprocess.run(
        [*command, "vendor.github-workflows", *map(str, WORKFLOWS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_githubs_own_and_named_by_version(path: Path) -> None:
    jobs = workflow(path)["jobs"].values()
    used = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    assert used
    for one in used:
        assert re.fullmatch(r"actions/[\w/-]+@v\d+(\.\d+)*", one), one


def test_what_it_installs_is_a_target_of_the_makefile() -> None:
    install = next(step["run"] for step in steps() if step.get("name") == "Install")
    target = re.search(r"make \.venv/(\S+)", install)
    assert target
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^\$\(VENV\)/{re.escape(target[1])}:", makefile, re.MULTILINE)


def programs(place: Path, **texts: str) -> Path:
    """Put programs in front of those that are installed."""
    folder = place / "bin"
    folder.mkdir(parents=True)
    for name, text in {"make": "#!/bin/sh\n", "gh": GH, **texts}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def variables(place: Path) -> dict[str, str]:
    ours = {"CRM_API_KEY": API_KEY, "PYTHONPATH": str(ROOT), **homes(place)}
    return locust_runs.environment(ours)


def test_on_a_push_it_races_and_keeps_a_valid_run(tmp_path: Path) -> None:
    place = tmp_path / "work"
    place.mkdir()
    path = programs(tmp_path, dragstrip=REAL.format(python=sys.executable))
    with ExitStack() as stack:
        old, new = (stack.enter_context(StandIn(DATASET).serving()) for _ in range(2))
        configuration = {
            "targets": {
                "supabase": {"kind": "next-supabase", "url": old.url},
                "convex": {"kind": "convex-http", "url": new.url},
            },
            "dataset": {"seed": DATASET.seed, "contacts": DATASET.contacts},
            "race": {"baseline": "supabase", "challenger": "convex", **SHORT},
        }
        (place / "dragstrip.toml").write_text(toml(configuration))
        job = Job(steps(), place, path, PUSH, variables(place)).run()

    latest = place / "runs" / "latest"
    verdict = json.loads((latest / "verdict.json").read_text())["verdict"]
    # Two pairs decide nothing; on a machine that is too busy they are invalid, besides.
    assert verdict in {"inconclusive", "invalid"}
    code = job.outputs["steps.race.outputs.code"]
    assert code == {"inconclusive": "4", "invalid": "3"}[verdict], job.ran
    assert f"### {verdict.upper()}" in job.summary
    assert "`--require not-worse`: " in job.summary
    assert (latest / "junit.xml").exists()
    assert (place / "base" / "run.json").exists() == (verdict == "inconclusive")
    assert ("actions/cache/save@v4" in job.used) == (verdict == "inconclusive")
    assert "actions/upload-artifact@v4" in job.used
    assert job.ran[-1].name == "Pass or fail"
    assert job.failed == (verdict == "invalid")
    assert not (place / "gh-called").exists()


def recorded(place: Path, name: str, median_ms: float, **update: Any) -> Run:
    """Store a run of which both targets have this median."""
    plan = plan_of(names=("supabase", "convex"))
    reports = record(plan, (median_ms, median_ms), noise=0.02)
    run, verdict = conclude(plan, reports)
    run = run.model_copy(update={"id": name, **update})
    place.mkdir(parents=True)
    folder = RunFolder(place)
    folder.write_plan(plan)
    folder.write_run(run)
    folder.write_verdict(verdict)
    (place / "slices.jsonl").write_text("".join(json.dumps(one) + "\n" for one in reports))
    (place / "finish.json").write_text(json.dumps(finish_of(plan, reports)))
    return run


@pytest.mark.parametrize(
    ("base_ms", "race_code", "fails", "says"),
    [
        (None, 1, True, "supabase: there is no run of the base branch yet"),
        (20.0, 0, False, "NO REGRESSION: convex"),
        (10.0, 4, True, "REGRESSION: convex"),
        (-1.0, 0, False, "the runs are unlike in machine.cpus"),
    ],
)
def test_on_a_pull_request_it_compares_with_the_base_and_comments(
    tmp_path: Path, base_ms: float | None, race_code: int, fails: bool, says: str
) -> None:
    place = tmp_path / "work"
    run = recorded(tmp_path / "recorded", "20250103T030405Z-bbbb", 20.0)
    path = programs(tmp_path, dragstrip=RECORDED.format(python=sys.executable, code=race_code))
    if base_ms:
        machine = run.machine.model_copy(update={"cpus": 64 if base_ms < 0 else 2})
        base = {"machine": machine, "started": run.started.replace(year=2024)}
        recorded(place / "base", "20240102T030405Z-aaaa", abs(base_ms), **base)
    place.mkdir(exist_ok=True)
    given = variables(place) | {"RECORDED": str(tmp_path / "recorded")}
    job = Job(steps(), place, path, PULL_REQUEST, given).run()

    comment = (place / "commented.md").read_text()
    assert says in comment.replace("\\", ""), job.ran
    assert comment.startswith("### EQUIVALENT: convex against supabase")
    assert says in job.summary.replace("\\", "")
    assert (place / "gh-called").read_text().split()[:3] == ["pr", "comment", "7"]
    assert job.failed == fails
    assert [one.name for one in job.ran if one.code] == ["Pass or fail"] * fails
    assert "actions/cache/restore@v4" in job.used
    assert "actions/cache/save@v4" not in job.used


def test_a_fork_gets_no_comment_and_a_race_that_failed_no_comparison(tmp_path: Path) -> None:
    fork = PULL_REQUEST | {"github.event.pull_request.head.repo.full_name": "you/project"}
    recorded(tmp_path / "recorded", "20250103T030405Z-bbbb", 20.0)
    for name, code, context in (("fork", 0, fork), ("failed", 2, PULL_REQUEST)):
        place = tmp_path / name / "work"
        place.mkdir(parents=True)
        path = programs(place, dragstrip=RECORDED.format(python=sys.executable, code=code))
        given = variables(place) | {"RECORDED": str(tmp_path / "recorded")}
        job = Job(steps(), place, path, context, given).run()
        assert not (place / "gh-called").exists()
        assert (place / "comment.md").exists() == (code == 0)
        assert job.failed == (code == 2)


def test_the_documentation_shows_the_workflow_and_its_exit_codes() -> None:
    page = (ROOT / "docs" / "ci.md").read_text()
    assert f"(examples/{EXAMPLE.name})" in page
    verdicts = next(step["run"] for step in steps() if step.get("name") == "Pass or fail")
    for code in ("1", "3", "4"):
        assert re.search(rf"^ *{code}\)", verdicts, re.MULTILINE)
        assert re.search(rf"^\| {code} \|", page, re.MULTILINE)
