"""Does the analysis keep what it promises? Simulated races with a known truth, judged as real ones.

    python -m benchmarks.inference [--json PATH] [--quick] [--seed N] [--experiments N]
                                   [--a-a-runs N] [--limit-s S]

- coverage: how often the 95 % interval holds the true ratio, at 6, 10 and 20 pairs, while the
  machine drifts and each target's latencies depend on those before; beside it the same interval
  without merging, and the usual one over pooled requests, which is untrue.
- false alarms: verdicts on two equal targets that tell them apart.
- flips: verdicts just below and just above each threshold of the rule.
- mirror: verdicts with the sides swapped.
- power: how often a change as large as the minimum detectable effect is detected; it should be
  four times out of five.
- resolution: how far the histograms' bins move the ends of an interval.
- capacities: how often the intervals of `dragstrip capacity` hold what two targets carry, and the
  ratio; how wide they are, and how many slices a search takes.
- early ends: how often the intervals of all looks of `race --stop-when-decided` hold the true
  ratio, and the one with which a race ends; how many pairs it takes.

One core; five to ten minutes, and half of it with --quick, which leaves scenarios out. Exit code
1 when a bound is broken or the time is up.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchmarks import form
from benchmarks.verdicts import A_A_BATCH, A_A_RUNS, SimulationPlan, TimeIsUp, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.verdicts import Results

SEED = 20250102
EXPERIMENTS = 1000


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    options = _options(argv)
    runs = options.a_a_runs // (2 if options.quick else 1)
    plan = SimulationPlan(
        options.seed, options.experiments, max(runs, A_A_BATCH), quick=options.quick
    )
    started = time.monotonic()
    try:
        results = measure(plan, options.limit_s)
    except TimeIsUp as error:
        sys.stderr.write(f"{error}\n")
        return form.EXIT_BOUND
    _show(results)
    figures: dict[str, Any] = {
        "seed": plan.seed,
        "experiments": plan.experiments,
        "a_a_runs": plan.a_a_runs,
        "seconds": round(time.monotonic() - started, 1),
        **results.tables,
    }
    return form.conclude("inference", argv, results.bounds, figures, options.json)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = form.parser("inference", __doc__)
    parser.add_argument("--seed", type=_at_least(0), default=SEED, metavar="N")
    parser.add_argument(
        "--experiments",
        type=_at_least(100),
        default=EXPERIMENTS,
        metavar="N",
        help=f"per scenario and number of pairs ({EXPERIMENTS})",
    )
    parser.add_argument(
        "--a-a-runs",
        type=_at_least(A_A_BATCH),
        default=A_A_RUNS,
        metavar="N",
        help=f"per number of pairs, in batches of {A_A_BATCH} ({A_A_RUNS})",
    )
    parser.add_argument("--limit-s", type=_at_least(1), default=900, metavar="SECONDS")
    return parser.parse_args(argv)


def _at_least(least: int) -> Any:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return number


def _show(results: Results) -> None:
    console = Console(highlight=False, width=120, stderr=True)
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


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
