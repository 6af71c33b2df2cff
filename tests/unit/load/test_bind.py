"""A process takes part in a race only with the keys that the plan was made for."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.runs import plan_of

if TYPE_CHECKING:
    from pathlib import Path

# A program of its own, because importing Locust patches the process.
JOIN = """
import sys
from pathlib import Path
from dragstrip.load.bind import _race_work
from dragstrip.run import plan

place = Path(sys.argv[1])
_race_work(plan.read(place / "plan.json"), 0, place, lab=False, handoff=None).close()
"""


@pytest.mark.parametrize(
    ("keys", "code", "words"),
    [(100, 0, ""), (101, 1, "100 keys in this process, and 101 in the race's plan")],
)
def test_other_keys_than_the_plan_has_are_refused(
    tmp_path: Path, keys: int, code: int, words: str
) -> None:
    plan = plan_of(pairs=6).model_copy(update={"keys": keys})
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    done = subprocess.run(
        [sys.executable, "-c", JOIN, str(tmp_path)],
        env={**os.environ, "CRM_API_KEY": "key"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert words in done.stderr
