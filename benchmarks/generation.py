"""How fast are contacts made, and are they still the same ones?

    python -m benchmarks.generation [--json PATH] [--quick]

- rate: full contexts a second on one core, of consecutive contacts, against plain Faker reseeded
  for each contact. `mix` is the dataset as it comes; `times` compares contacts that have what Faker
  is asked for, 3 notes and 8 messages. Faker makes these, a name and an email, in the one locale
  that it is quickest in; ours makes every other field of the rows as well. They take turns within
  each round, in an order that changes. Times are of the processor: a busy machine disturbs little.
- digest: the digest of the dataset of seed 42, over every field of every contact, on one core. It
  must be the one that stands in this file: a generator that yields anything else has changed.
- memory: the most that the process that made that digest had in memory, to what it had after 10,000
  contacts.

One core; about a minute and a half. Exit code 1 when a bound is broken.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from faker import Faker

from benchmarks import form
from benchmarks.form import Bound
from benchmarks.scheduling import placed
from seeding.dataset.dataset import Dataset
from seeding.dataset.digest import dataset_digest, ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LEAST_PER_S = 25_000
LEAST_TIMES_FAKER = 8
MOST_GROWTH = 0.05

SEED = 42
GOLDEN = {
    100_000: "60888c189a292647ce649ecc759c2b37f980aeda66c7ea9a8a93893eedd06386",
    1_000_000: "b55f0ac90a7a861b41cb2184ff321747b9c72efa090c47d0e2057e8ad9570698",
}

_ROOT = Path(__file__).parent.parent
_NOTES, _MESSAGES = 3, 8
_FIRST = 10_000
_LIMIT_S = 900


def main(argv: Sequence[str]) -> int:
    """Measure, print, store; return the exit code."""
    if argv[:1] == ["--digest"]:
        return _say_digest(int(argv[1]))
    options = form.parser("generation", __doc__).parse_args(argv)
    contacts = 100_000 if options.quick else 1_000_000
    with placed({form.cores().generator}):
        rate = _rate(rounds=3 if options.quick else 9)
        digest = _digest(contacts)
    bounds = [
        Bound(
            "contexts per second on one core", rate["mix_per_s"]["median"], "at least", LEAST_PER_S
        ),
        Bound("times plain Faker", rate["times"]["median"], "at least", LEAST_TIMES_FAKER),
        Bound(
            f"contacts of {contacts:,} under the known digest",
            contacts if digest["digest"] == GOLDEN[contacts] else 0,
            "at least",
            contacts,
        ),
        Bound(
            f"growth of memory, {_FIRST:,} to {contacts:,} contacts",
            digest["growth"],
            "at most",
            MOST_GROWTH,
        ),
    ]
    return form.conclude("generation", argv, bounds, {"rate": rate, "digest": digest}, options.json)


def _rate(rounds: int) -> dict[str, Any]:
    dataset = Dataset(SEED, 100_000)
    alike = [
        context["index"]
        for context in dataset.contexts(0, dataset.contacts)
        if len(context["notes"]) == _NOTES and len(context["messages"]) == _MESSAGES
    ]
    faker = Faker()
    makers: dict[str, tuple[Callable[[int], object], list[int]]] = {
        "mix": (dataset.context, list(range(20_000))),
        "alike": (dataset.context, alike * 10),
        "faker": (lambda index: _plain(faker, index), list(range(2_000))),
    }
    taken: dict[str, list[float]] = {name: [] for name in makers}
    for number in range(rounds):
        names = list(makers)
        for name in names[number % 3 :] + names[: number % 3]:
            taken[name].append(_per_s(*makers[name]))
    times = [ours / theirs for ours, theirs in zip(taken["alike"], taken["faker"], strict=True)]
    return {
        "mix_per_s": _spread(taken["mix"]),
        "3_notes_8_messages_per_s": _spread(taken["alike"]),
        "plain_faker_per_s": _spread(taken["faker"]),
        "times": _spread(times),
        "rounds": rounds,
    }


def _plain(faker: Faker, index: int) -> dict[str, object]:
    faker.seed_instance(index)
    return {
        "name": faker.name(),
        "email": faker.email(),
        "notes": [faker.sentence() for _ in range(_NOTES)],
        "messages": [faker.sentence() for _ in range(_MESSAGES)],
    }


def _per_s(make: Callable[[int], object], indices: list[int]) -> float:
    began = time.process_time()
    for index in indices:
        make(index)
    return len(indices) / (time.process_time() - began)


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def _digest(contacts: int) -> dict[str, Any]:
    """Let a process of its own make the digest: its memory is nobody else's."""
    command = [sys.executable, "-m", "benchmarks.generation", "--digest", str(contacts)]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, timeout=_LIMIT_S, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _say_digest(contacts: int) -> int:
    process = psutil.Process()
    rss: list[int] = []

    def digests() -> Iterator[str]:
        dataset = Dataset(SEED, contacts)
        for start, stop in ranges(0, contacts):
            yield dataset.range_digest(start, stop)
            if stop >= _FIRST:
                rss.append(process.memory_info().rss)

    began, began_cpu = time.monotonic(), time.process_time()
    digest = dataset_digest(digests())
    cpu_s = time.process_time() - began_cpu
    figures = {
        "seed": SEED,
        "contacts": contacts,
        "digest": digest,
        "took_s": time.monotonic() - began,
        "contacts_per_cpu_s": contacts / cpu_s,
        "rss_bytes": {f"{_FIRST}": rss[0], f"{contacts}": max(rss)},
        "growth": max(rss) / rss[0] - 1,
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
