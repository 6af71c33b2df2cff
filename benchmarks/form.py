"""The form that every benchmark's result has, and the options that every benchmark takes.

A document says what was run, on what, and what was found: {"benchmark", "command", "bounds",
"figures", "machine"}. A bound is a figure that must be `at most` or `at least` a number.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import psutil

from benchmarks import scheduling

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_BOUND = 1
EXIT_MISSING = 2


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure and the number that it must keep to."""

    name: str
    figure: float
    must_be: Literal["at most", "at least"]
    bound: float

    @property
    def passed(self) -> bool:
        """Whether it does; a figure that is no number does not."""
        if self.must_be == "at most":
            return self.figure <= self.bound
        return self.figure >= self.bound


class Cores(NamedTuple):
    """Where the generator and the server run: the same core where there is only one."""

    generator: int
    server: int


def cores() -> Cores:
    """Return the first and the last core that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[-1])


def parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks have."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=(doc or "").partition("\n")[0]
    )
    made.add_argument("--json", type=Path, metavar="PATH", help="store the document there")
    made.add_argument("--quick", action="store_true", help="shorter, for a first look")
    return made


def conclude(
    name: str,
    argv: Sequence[str],
    bounds: Sequence[Bound],
    figures: dict[str, Any],
    json_path: Path | None,
) -> int:
    """Print the document, store it, and return the exit code."""
    document = {
        "benchmark": name,
        "command": shlex.join(["python", "-m", f"benchmarks.{name}", *_without_json(argv)]),
        "bounds": [asdict(bound) | {"passed": bound.passed} for bound in bounds],
        "figures": figures,
        "machine": machine(),
    }
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    sys.stdout.write(text)
    for bound in bounds:
        if not bound.passed:
            sys.stderr.write(
                f"BROKEN  {bound.name}: {bound.figure:.4g}, not {bound.must_be} {bound.bound:.4g}\n"
            )
    if json_path:
        json_path.write_text(text)
    return 0 if all(bound.passed for bound in bounds) else EXIT_BOUND


def machine() -> dict[str, Any]:
    """Return what the figures were measured on; `load_average` is of the last minute."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpus": os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "scheduling": scheduling.how(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def _without_json(argv: Sequence[str]) -> list[str]:
    kept = list(argv)
    if "--json" in kept:
        place = kept.index("--json")
        del kept[place : place + 2]
    return kept
