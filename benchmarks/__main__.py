"""Run the benchmarks, store every figure in one file, and make the page that shows them.

    python -m benchmarks [--only NAME] [--quick] [--json PATH]
    python -m benchmarks --render

Each runs in a process of its own, as by its own command. With `--only` the others' last figures
stay. Quick figures are printed and stored only where `--json` says: they are no evidence.

Exit code 1 when a bound is broken, 2 when something that a benchmark needs is not installed.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.form import EXIT_BOUND, EXIT_MISSING
from benchmarks.page import ABOUT, render

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent
LATEST = ROOT / "benchmarks" / "latest.json"
PAGE = ROOT / "docs" / "benchmarks.md"
SCHEMA_VERSION = 1


def main(argv: Sequence[str]) -> int:
    """Run, print, store, render; return the exit code."""
    options = _options(argv)
    if options.render:
        PAGE.write_text(render(json.loads(LATEST.read_text())))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    collected = _collected(options)
    for name in options.only or ABOUT:
        sys.stderr.write(f"== {name}: {ABOUT[name].question}\n")
        entry = _run(name, quick=options.quick)
        sys.stderr.write(f"== {name}: {_in_words(entry)}, {entry['took_s']:.0f} s\n")
        collected["benchmarks"][name] = entry
    path = options.json or (None if options.quick else LATEST)
    if path:
        path.write_text(json.dumps(collected, indent=2, allow_nan=False) + "\n")
    if path == LATEST:
        PAGE.write_text(render(collected))
    return _exit_code(collected["benchmarks"][name] for name in options.only or ABOUT)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    made.add_argument("--only", action="append", choices=list(ABOUT), help="may be repeated")
    made.add_argument("--quick", action="store_true", help="shorter, for a first look")
    made.add_argument("--json", type=Path, metavar="PATH", help=f"instead of {LATEST.name}")
    made.add_argument("--render", action="store_true", help=f"make {PAGE.name} again, run nothing")
    return made.parse_args(argv)


def _collected(options: argparse.Namespace) -> dict[str, Any]:
    empty: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "benchmarks": {}}
    path = options.json or LATEST
    if not (options.only and path.exists()):
        return empty
    found = json.loads(path.read_text())
    return found if found.get("schema_version") == SCHEMA_VERSION else empty


def _run(name: str, *, quick: bool) -> dict[str, Any]:
    """Run one benchmark; what it says goes to the terminal. `document` is None when it has none."""
    began = time.monotonic()
    measured = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="dragstrip-bench-") as folder:
        path = Path(folder) / "document.json"
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(path)]
        if quick:
            command.append("--quick")
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None  # noqa: S101
            lines = []
            try:
                for line in process.stderr:
                    sys.stderr.write(line)
                    lines.append(line)
                exit_code = process.wait()
            except BaseException:
                # It ends what it has started only when it is interrupted, not when it is killed.
                process.send_signal(signal.SIGINT)
                raise
        document = json.loads(path.read_text()) if path.exists() else None
    return {
        "measured": measured,
        "took_s": round(time.monotonic() - began, 1),
        "exit_code": exit_code,
        "problem": None if document else ("".join(lines).strip() or "no figures")[-500:],
        "document": document,
    }


def _in_words(entry: dict[str, Any]) -> str:
    if entry["document"] is None:
        missing = entry["exit_code"] == EXIT_MISSING
        return "something it needs is not installed" if missing else "failed"
    return "a bound is broken" if entry["exit_code"] else "every bound holds"


def _exit_code(entries: Any) -> int:
    codes = {entry["exit_code"] for entry in entries}
    if EXIT_MISSING in codes:
        return EXIT_MISSING
    return EXIT_BOUND if codes - {0} else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
