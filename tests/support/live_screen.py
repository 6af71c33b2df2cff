"""A race's live screen on a terminal of its own: a step for each line of standard input."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import orjson
from rich.console import Console

from dragstrip.config.config import RulesConfig
from dragstrip.live.console import screen_on
from dragstrip.live.follow import Follower
from dragstrip.run.plan import SLICES_FILE
from tests.support.recorded import OPERATIONS
from tests.support.runs import plan_of, record


def main() -> None:
    """Show a race of six pairs, a slice at a time, and then that it is over."""
    plan = plan_of(pairs=6, operations=OPERATIONS)
    with tempfile.TemporaryDirectory() as place, screen_on(Console(stderr=True)) as screen:
        follower = Follower(Path(place), plan, "p95", "message", rules=RulesConfig())
        for report in record(plan, ((20.0, 10.0), (5.0, 4.0))):
            with Path(place, SLICES_FILE).open("ab") as file:
                file.write(orjson.dumps(report) + b"\n")
            screen.watch(follower.look(), "p95")
            if not sys.stdin.readline():
                return
    sys.stderr.write("over\n")


if __name__ == "__main__":
    main()
