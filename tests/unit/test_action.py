"""action.yml: of GitHub's form, and its steps do what docs/ci.md says."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.workflow import Job
from tests.unit.test_example_workflow import (
    PULL_REQUEST,
    PUSH,
    RECORDED,
    ROOT,
    programs,
    recorded,
    variables,
)

if TYPE_CHECKING:
    from pathlib import Path

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
PIP = '#!/bin/sh\necho "$@" > "$RUNNER_TEMP/pip-called"\n'
# Notes how it was called, and brings the recorded race.
NOTING = RECORDED.replace(
    "#!/bin/sh\n", '#!/bin/sh\nprintf "%s\\n" "$@" >> "$RUNNER_TEMP/said"\n', 1
)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.github-actions", "action.yml"),
        ("vendor.gitlab-ci", "docs/examples/gitlab-ci.yml"),
    ],
)
def test_they_are_of_their_systems_form(schema: str, path: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run([*command, path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_input_is_used_and_documented() -> None:
    text = (ROOT / "action.yml").read_text()
    page = (ROOT / "docs" / "ci.md").read_text()
    for name in ACTION["inputs"]:
        assert f"inputs.{name}" in text, name
        assert f"`{name}`" in page, name
    for name in ACTION["outputs"]:
        assert f"`{name}`" in page, name


def call(place: Path, code: int, context: dict[str, str], **inputs: str) -> Job:
    """Run the action's steps, as a job that passes these inputs would."""
    defaults = {name: str(one["default"]) for name, one in ACTION["inputs"].items()}
    given = defaults | {"token": "a-token"} | {n.replace("_", "-"): v for n, v in inputs.items()}
    work, temp = place / "work", place / "temp"
    work.mkdir(parents=True)
    recorded(place / "recorded", "20250103T030405Z-bbbb", 20.0)
    path = programs(
        place, python="#!/bin/sh\n", dragstrip=NOTING.format(python=sys.executable, code=code)
    )
    (temp / "dragstrip" / "bin").mkdir(parents=True)
    pip = temp / "dragstrip" / "bin" / "pip"
    pip.write_text(PIP)
    pip.chmod(0o755)
    theirs = {
        "RECORDED": str(place / "recorded"),
        "RUNNER_TEMP": str(temp),
        "GITHUB_ACTION_PATH": "/the/action",
    }
    named = context | {f"inputs.{name}": value for name, value in given.items()}
    return Job(ACTION["runs"]["steps"], work, path, named, variables(place) | theirs).run()


@pytest.mark.parametrize(
    ("code", "fails"), [(0, False), (1, True), (2, True), (3, True), (4, False)]
)
def test_it_passes_and_fails_as_the_race_does(tmp_path: Path, code: int, fails: bool) -> None:
    job = call(tmp_path, code, PUSH)
    assert job.failed == fails, job.ran
    assert (tmp_path / "temp" / "pip-called").read_text().split()[-1] == "/the/action[lab]"
    found = {
        name: job.outputs.get(one["value"].strip("${ }")) for name, one in ACTION["outputs"].items()
    }
    if code == 2:
        assert found["verdict"] == "none"
        return
    assert found["verdict"] == "equivalent"
    assert 0.9 < float(str(found["ratio"])) < 1.1
    assert found["report"] == "runs/new/report.html"
    assert not (tmp_path / "work" / "gh-called").exists()


def test_inputs_become_arguments_and_nothing_else(tmp_path: Path) -> None:
    harmful = 'http://new.test/"; touch "$RUNNER_TEMP/harmed" #$(touch "$RUNNER_TEMP/harmed")'
    inputs: dict[str, Any] = {
        "baseline": "http://old.test/{id}",
        "challenger": harmful,
        "scenario": "shop.py:Checkout",
        "preset": "quick",
        "config": "other.toml",
        "require": "slo",
        "arguments": "--data\nsome rows.csv\n",
    }
    call(tmp_path, 0, PUSH, **inputs)
    assert (tmp_path / "temp" / "said").read_text().splitlines() == [
        *("race", "http://old.test/{id}", harmful, "--yes"),
        *("--scenario", "shop.py:Checkout", "--preset", "quick", "--config", "other.toml"),
        *("--require", "slo", "--data", "some rows.csv"),
    ]
    assert not (tmp_path / "temp" / "harmed").exists()


def test_it_compares_and_comments_on_a_screen(tmp_path: Path) -> None:
    recorded(tmp_path / "base", "20240102T030405Z-aaaa", 10.0)
    inputs = {"comment": "true", "baseline_run": str(tmp_path / "base")}
    job = call(tmp_path, 0, PULL_REQUEST, **inputs)
    comment = (tmp_path / "work" / "commented.md").read_text()
    assert comment.startswith("### EQUIVALENT")
    assert "●" in comment
    assert "REGRESSION" in comment
    assert job.failed
    assert "REGRESSION" in job.summary
    # What is not folded fits on a screen.
    in_sight = 0
    folded = False
    for line in comment.splitlines():
        folded = folded or line.startswith("<details>")
        in_sight += not folded
        folded = folded and line != "</details>"
    assert in_sight <= 30
