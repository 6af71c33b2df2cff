"""Does the analysis keep what it promises? Simulated races with a known truth, judged as real ones.

    python -m benchmarks.inference [--json PATH] [--seed N] [--experiments N] [--limit-s S]

- coverage: how often the 95 % interval holds the true ratio, at 6, 10 and 20 pairs, while the
  machine drifts and each target's latencies depend on those before; beside it the same interval
  without merging, and the usual one over pooled requests, which is untrue.
- false alarms: verdicts on two equal targets that tell them apart.
- flips: verdicts just below and just above each threshold of the rule.
- mirror: verdicts with the sides swapped.
- power: how often a change as large as the minimum detectable effect is detected; it should be
  four times out of five.

One core; one to two minutes. Exit code 1 when a bound is broken or the time is up.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchmarks.verdicts import TimeIsUp, measure

if TYPE_CHECKING:
    from benchmarks.verdicts import Bound, Results

SEED = 20250102
EXPERIMENTS = 1000


def main() -> int:
    """Measure, print, store; return the exit code."""
    options = _options()
    started = time.monotonic()
    try:
        results = measure(options.seed, options.experiments, options.limit_s)
    except TimeIsUp as error:
        sys.stderr.write(f"{error}\n")
        return 1
    took_s = time.monotonic() - started
    _show(results, took_s)
    if options.json:
        document = _document(results, options, took_s)
        options.json.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
    return 0 if all(bound.holds for bound in results.bounds) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.inference", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="store every figure there")
    parser.add_argument("--seed", type=_at_least(0), default=SEED, metavar="N")
    parser.add_argument(
        "--experiments",
        type=_at_least(100),
        default=EXPERIMENTS,
        metavar="N",
        help="per scenario and number of pairs (1000)",
    )
    parser.add_argument("--limit-s", type=_at_least(1), default=600, metavar="SECONDS")
    return parser.parse_args()


def _at_least(least: int) -> Any:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return number


def _show(results: Results, took_s: float) -> None:
    console = Console(highlight=False, width=120)
    for name, rows in results.tables.items():
        table = Table(title=name.replace("_", " "), title_justify="left", box=None)
        for head in rows[0]:
            is_name = isinstance(rows[0][head], str)
            table.add_column(
                head.replace("_", " "), justify="left" if is_name else "right", no_wrap=True
            )
        for row in rows:
            table.add_row(*map(_cell, row.values()))
        console.print(table, "")
    broken = [bound for bound in results.bounds if not bound.holds]
    for bound in broken:
        console.print(f"BROKEN  {bound.name}: {bound.figure:.4g}, {_limits(bound)}")
    kept = len(results.bounds) - len(broken)
    console.print(f"{kept} of {len(results.bounds)} bounds hold; {took_s:.0f} s")


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _limits(bound: Bound) -> str:
    parts = []
    if math.isfinite(bound.low):
        parts.append(f"at least {bound.low:g}")
    if math.isfinite(bound.high):
        parts.append(f"at most {bound.high:g}")
    return " and ".join(parts)


def _document(results: Results, options: argparse.Namespace, took_s: float) -> dict[str, Any]:
    return {
        "seed": options.seed,
        "experiments": options.experiments,
        "seconds": round(took_s, 1),
        **results.tables,
        "bounds": [
            {
                "name": bound.name,
                "figure": bound.figure,
                "low": bound.low if math.isfinite(bound.low) else None,
                "high": bound.high if math.isfinite(bound.high) else None,
                "holds": bound.holds,
            }
            for bound in results.bounds
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
