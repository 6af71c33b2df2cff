"""How fast are both backends filled and verified, and in how much memory?

    python -m benchmarks.loading [--json PATH] [--quick]

On a lab of its own, which is gone afterwards:

- copy: Supabase by COPY over a direct connection, as a share of what `psql \\copy` reaches with the
  same rows, into the same emptied tables, in turns. psql reads them from files that were made
  before, in the binary format, which is what ours sends, and as text. `ours` is all of seeding:
  contacts made, rows encoded, copied over four connections, digests compared with what is stored;
  `ours_rows_only` is the part that psql does: rows that are encoded already are copied.
- paths: seeding one backend through PostgREST, through Convex's mutations, and by Convex's import.
- verifying: `verify --full` of one side, and of both at once.
- memory: the most that a process has in memory while it seeds both backends with 10,000 contacts;
  and the same with stores that keep nothing (benchmarks/swallowing.py), at 10,000 and a million,
  as a million contacts in the lab's Convex take a quarter of an hour.

The lab's Convex is a stand-in, its Supabase has no network before it: rates are the lab's. Linux.
Exit code 1 when a bound is broken.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from benchmarks import form, seeding_lab
from benchmarks.form import Bound
from benchmarks.scheduling import placed
from benchmarks.seeding_lab import KINDS, SLOW_PATHS, TABLES
from seeding import seed as seeding
from seeding.dataset.dataset import Dataset
from seeding.stores.postgres import PostgresStore
from seeding.stores.postgres_copy import COLUMNS
from seeding.verify import check_data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.seeding_lab import SeedingLab
    from dragstrip.config.config import Config

MOST_GROWTH = 0.25
"""With a hundred times the contacts: 10,000 do not fill what is worked on at once."""

_ROOT = Path(__file__).parent.parent
_LIMIT_S = 1200
_FIRST = 10_000


class Sizes(NamedTuple):
    """How many contacts each part takes, and how many rounds `copy` has."""

    rounds: int
    copied: int
    slow: int
    imported: int
    swallowed: int


def main(argv: Sequence[str]) -> int:
    """Measure, print, store; return the exit code."""
    options = form.parser("loading", __doc__).parse_args(argv)
    whole = Sizes(rounds=5, copied=20_480, slow=5_120, imported=20_480, swallowed=1_000_000)
    quick = Sizes(rounds=1, copied=2_048, slow=512, imported=2_048, swallowed=30_000)
    sizes = quick if options.quick else whole
    with placed(os.sched_getaffinity(0)), seeding_lab.running() as lab:
        figures: dict[str, Any] = {
            "copy": _copy(lab, sizes),
            "paths": _paths(lab, sizes),
            "verifying": _verifying(lab, sizes.imported),
            "memory": _memory(lab, sizes.swallowed),
        }
    growth = figures["memory"]["growth"]
    name = f"growth of memory, {_FIRST:,} to {sizes.swallowed:,} contacts"
    bounds = [Bound(name, growth, "at most", MOST_GROWTH)]
    return form.conclude("loading", argv, bounds, figures, options.json)


def _copy(lab: SeedingLab, sizes: Sizes) -> dict[str, Any]:
    config = lab.config(sizes.copied, "Supabase")
    seeding.seed(config)
    rows = lab.count_rows("Supabase")
    batches = _batches(sizes.copied)
    formats = {"binary": " with (format binary)", "text": ""}
    folder = lab.settings.home.scratch
    for name, options in formats.items():
        lab.psql(*(_unload(table, folder / f"{table}.{name}", options) for table in TABLES))
    turns: dict[str, Callable[[], object]] = {
        "ours": lambda: seeding.seed(config),
        "ours_rows_only": lambda: _write(lab, batches),
        "psql_binary": lambda: lab.psql(*_loads(folder, "binary", formats["binary"])),
        "psql_text": lambda: lab.psql(*_loads(folder, "text", formats["text"])),
    }
    taken: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(sizes.rounds):
        names = list(turns)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            lab.empty_supabase()
            taken[name].append(_seconds(turns[name]))
            if lab.count_rows("Supabase") != rows:
                raise SystemExit(f"{name} has not stored {rows}")
    seeding.seed(config)
    return {
        "contacts": sizes.copied,
        "rows": sum(rows.values()),
        "rounds": sizes.rounds,
        "rows_per_s": {
            name: _spread([sum(rows.values()) / took_s for took_s in times])
            for name, times in taken.items()
        },
        "contacts_per_s": _spread([sizes.copied / took_s for took_s in taken["ours"]]),
        "share_of_psql": {
            f"{ours} of {theirs}": _spread(
                [psql / own for own, psql in zip(taken[ours], taken[theirs], strict=True)]
            )
            for ours in ("ours", "ours_rows_only")
            for theirs in ("psql_binary", "psql_text")
        },
    }


def _batches(contacts: int) -> list[Any]:
    dataset = Dataset(42, contacts)
    return [
        PostgresStore.encode(dataset.contexts(start, min(start + PostgresStore.page, contacts)))
        for start in range(0, contacts, PostgresStore.page)
    ]


def _write(lab: SeedingLab, batches: list[Any]) -> None:
    store = PostgresStore(lab.environment["SUPABASE_DB_URL"])
    try:
        with ThreadPoolExecutor(store.concurrency) as pool:
            list(pool.map(store.write, batches))
    finally:
        store.close()


def _unload(table: str, file: Path, options: str) -> str:
    columns = ", ".join(COLUMNS[table])
    return f"\\copy (select {columns} from {table}) to '{file}'{options}"  # noqa: S608


def _loads(folder: Path, name: str, options: str) -> list[str]:
    return [
        f"\\copy {table} ({', '.join(COLUMNS[table])}) from '{folder / table}.{name}'{options}"
        for table in TABLES
    ]


def _paths(lab: SeedingLab, sizes: Sizes) -> dict[str, Any]:
    ways = {
        "Supabase, PostgREST": lab.config(sizes.slow, "Supabase", changes=SLOW_PATHS),
        "Convex, mutations": lab.config(sizes.slow, "Convex", changes=SLOW_PATHS),
        "Convex, import": lab.config(sizes.imported, "Convex"),
    }
    figures: dict[str, Any] = {}
    for way, config in ways.items():
        seeding.reset(config)
        took_s = _seconds(lambda config=config: seeding.seed(config))  # type: ignore[misc]
        contacts = config.dataset.contacts
        rows = sum(lab.count_rows(way.partition(",")[0]).values())
        figures[way] = {
            "contacts": contacts,
            "contacts_per_s": contacts / took_s,
            "rows_per_s": rows / took_s,
        }
    return figures


def _verifying(lab: SeedingLab, contacts: int) -> dict[str, Any]:
    seeding.seed(lab.config(contacts))
    configs: dict[str, Config] = {name: lab.config(contacts, name) for name in KINDS}
    configs["both"] = lab.config(contacts)
    return {
        "contacts": contacts,
        "contacts_per_s": {
            name: contacts / _seconds(lambda config=config: check_data(config, full=True))  # type: ignore[misc]
            for name, config in configs.items()
        },
    }


def _memory(lab: SeedingLab, swallowed: int) -> dict[str, Any]:
    contacts = min(_FIRST, swallowed)
    seeding.reset(lab.config(contacts))
    few, many = _swallow(contacts), _swallow(swallowed)
    return {
        "real_rss_bytes": {f"{contacts}": _most_rss(lab, contacts)},
        "stores_keep_nothing_rss_bytes": {
            f"{contacts}": few["rss_bytes"],
            f"{swallowed}": many["rss_bytes"],
        },
        "growth": many["rss_bytes"] / few["rss_bytes"] - 1,
        "stores_keep_nothing_contacts_per_s": swallowed / many["took_s"],
    }


def _swallow(contacts: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.swallowing", str(contacts)]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, timeout=_LIMIT_S, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _most_rss(lab: SeedingLab, contacts: int) -> int:
    """Return the most that a real `dragstrip seed` has in memory."""
    with lab.start("seed", "--contacts", str(contacts), "--json") as command:
        process = psutil.Process(command.pid)
        most = 0
        while command.poll() is None:
            # What has ended meanwhile has none.
            most = max(most, process.memory_info().rss)
            time.sleep(0.02)
        if command.returncode:
            raise SystemExit(command.stderr.read() if command.stderr else "seeding failed")
    return most


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
