"""Chromium with pages that watch a race, as a process of its own; for `benchmarks.watching`.

    python -m benchmarks.chromium_pages URL PAGES

It says its version once every page is open. When its input ends, it says how often the pages were
told how the race stands and were sent pictures, and ends.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter

from tests.support import chromium

_LOOP_MS = 100


def main(url: str, pages: int) -> None:
    """Open them, and keep them open until the input ends."""
    over = threading.Event()
    threading.Thread(target=_wait_for_end, args=(over,), daemon=True).start()
    answers: Counter[str] = Counter()
    with chromium.browser() as browser:
        opened = [browser.new_page() for _ in range(pages)]
        for page in opened:
            page.on(
                "response",
                lambda response: answers.update(
                    [response.url.rpartition("/")[2]] if response.status == 200 else []
                ),
            )
            page.goto(url)
        _tell(browser.version)
        while not over.is_set():
            opened[0].wait_for_timeout(_LOOP_MS)
        drawn = sum(page.locator("svg.marks").count() for page in opened)
    seen = {"states": answers["state"], "pictures": answers["pictures"], "drawn": drawn}
    _tell(json.dumps(seen))


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _wait_for_end(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
