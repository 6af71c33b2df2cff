"""What does it cost the generator that browsers watch a race?

    python -m benchmarks.watchers [--json PATH] [--quick] [--rates N [N ...]]

As `benchmarks.punctuality`, each rate twice: alone, and with three pages of Chromium open on
`dragstrip watch`. They and that command run on the server's core. Without Chromium,
three clients ask instead as the page's script does, and the figures say so.

Linux, two cores. Exit code 1 when a bound is broken.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from benchmarks import form
from benchmarks.form import Bound
from benchmarks.punctuality import lateness
from benchmarks.watching import PAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

RATES_PER_S = (1_000.0, 5_000.0)
MOST_TIMES = {"p50_ms": 1.25, "generator_cpu": 1.25}
"""What watching may do, as a ratio within one run: to the send delay, and to the generator's core.

The p99 is told and has no bound: browsers on this machine take its processors' time as well.
"""

_WORDS = {"p50_ms": "send lag p50", "generator_cpu": "generator's CPU"}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = form.parser("watchers", __doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES_PER_S, metavar="N")
    options = parser.parse_args(argv)
    pairs = 1 if options.quick else 3
    figures: dict[str, Any] = {}
    bounds = []
    for rate in options.rates:
        alone, watched = (
            lateness(form.cores(), rate, pairs, is_watched=is_watched)
            for is_watched in (False, True)
        )
        figures[f"{rate:g}/s"] = {"alone": alone, f"{PAGES} pages watch": watched}
        for name, most in MOST_TIMES.items():
            what = f"{_WORDS[name]} at {rate:g}/s, watched times alone"
            bounds.append(Bound(what, watched[name] / alone[name], "at most", most))
    return form.conclude("watchers", argv, bounds, figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
