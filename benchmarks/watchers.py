"""What does it cost the generator that browsers watch a race?

    python -m benchmarks.watchers [--json PATH] [--quick] [--rates N [N ...]]

As `benchmarks.punctuality`, each rate twice: alone, and with three pages of Chromium open on
`dragstrip watch`. They and that command run on the server's core. Without Chromium and Playwright,
three clients ask instead as the page's script does, and the figures say so.

Linux, two cores. Exit code 1 when a bound is broken.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from benchmarks import form
from benchmarks.form import Bound
from benchmarks.punctuality import MOST_LAG_MS, lateness
from benchmarks.watching import PAGES

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = form.parser("watchers", __doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=list(MOST_LAG_MS), metavar="N")
    options = parser.parse_args(argv)
    pairs = 1 if options.quick else 3
    figures: dict[str, Any] = {}
    bounds = []
    for rate in options.rates:
        for is_watched in (False, True):
            name = f"{rate:g}/s, " + (f"{PAGES} pages watch" if is_watched else "alone")
            figures[name] = lateness(form.cores(), rate, pairs, is_watched=is_watched)
            if rate in MOST_LAG_MS:
                p99_ms, most = figures[name]["p99_ms"], MOST_LAG_MS[rate]
                bounds.append(Bound(f"send lag p99 at {name}, ms", p99_ms, "at most", most))
    return form.conclude("watchers", argv, bounds, figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
