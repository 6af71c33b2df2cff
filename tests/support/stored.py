"""A stored run as a whole race leaves it, made up in no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from dragstrip.run.folder import RunFolder
from dragstrip.run.plan import FINISH_FILE, LEDGER_FOLDER, SLICES_FILE
from tests.support import runs

if TYPE_CHECKING:
    from pathlib import Path


def store(path: Path, pairs: int = 8) -> RunFolder:
    """Store a run without rows: its verdict is adopt."""
    plan = runs.plan_of(pairs=pairs)
    reports = runs.record(plan)
    run, verdict = runs.conclude(plan, reports)
    (path / LEDGER_FOLDER).mkdir(parents=True)
    folder = RunFolder(path)
    folder.write_plan(plan)
    folder.write_run(run)
    folder.write_verdict(verdict)
    (path / SLICES_FILE).write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in reports))
    (path / FINISH_FILE).write_bytes(orjson.dumps(runs.finish_of(plan, reports)))
    return folder
