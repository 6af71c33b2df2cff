"""Runs a race's slices one after the other and notes when each began and ended.

In one process a slice is run directly; a master announces it to its workers and waits for all.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from dragstrip.plan import SLICES_FILE, Plan, PlannedSlice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SliceReport = dict[str, Any]


def conduct(
    plan: Plan,
    run_slice: Callable[[PlannedSlice], list[SliceReport]],
    folder: Path,
) -> None:
    """Run every slice of the plan; one line per finished slice goes to `slices.jsonl`.

    `run_slice` returns one report per process with users.
    """
    with (folder / SLICES_FILE).open("a", buffering=1) as file:
        for turn in plan.slices:
            started = time.time()
            reports = run_slice(turn)
            line = {
                "index": turn.index,
                "started": started,
                "ended": time.time(),
                "workers": reports,
            }
            file.write(json.dumps(line) + "\n")
