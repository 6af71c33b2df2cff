"""The page docs/benchmarks.md, made of nothing but the stored figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SPREAD = {"median", "least", "most"}


class About(NamedTuple):
    """What a benchmark asks, and how it goes about it."""

    question: str
    how: str


ABOUT: dict[str, About] = {
    "speed": About(
        "How many verified lookups a second does one core get through?",
        "A local nginx answers from files; the generators take turns on one core, 32 connections "
        "each, no pause between lookups. Ours is the whole instrument: a race in Locust, every "
        "answer verified, every lookup in the ledger. nginx sends the same head for a second, and "
        "ours parses it once; a backend whose heads all differ costs more. The scenario endpoint "
        "fills its requests from JSON lines, of which a twentieth ask for an unknown number, and "
        "compares each answer with a column. Locust's users verify "
        "by status and CRC-32, with `catch_response`, so that a wrong body counts as a failure; "
        "hey, h2load and wrk verify nothing and ask for one phone number. `times` is ours over "
        "theirs in the same round; `cpu_us` is processor time for each lookup.",
    ),
    "http2": About(
        "How many verified lookups a second does one core get through over HTTP/2?",
        "As above, over one connection without TLS and 32 streams at once, beside the same over "
        "HTTP/1.1. The frames and their headers are read and written in Python, by h2 and hpack: "
        "that is what a request costs more. h2load asks for one phone number and verifies nothing.",
    ),
    "truth": About(
        "Does the instrument report what happened?",
        "A server with known delays logs its own times; what is reported is held against them. "
        "The floor is what any client on this machine adds, measured with one blocking socket.",
    ),
    "punctuality": About(
        "Are lookups sent when they are due?",
        "Send delay is the time from when a lookup is due to when its first byte goes out. `cost` "
        "is processor time for each lookup in the open model at 10,000/s, and in the closed model, "
        "beside the same of bare loops over sockets, which verify and keep nothing. A client that "
        "sends at given times sleeps until each: in a virtual machine a timer and a sleep cost "
        "about 10 µs each, and `bare_times` tells how much that is here. At most 1.5 was aimed at "
        "for `times`; so what is bounded is our ratio over the bare loops'.",
    ),
    "watchers": About(
        "What does it cost the generator that browsers watch a race?",
        "As above, each rate alone and with three pages open on `dragstrip watch` of the race that "
        "runs. They ask and draw on the server's core; the generator's serves nothing. `states` "
        "counts how often a page was told how the race stands, `pictures` how often it drew anew. "
        "Bounds are ratios within the run, of the median and the generator's processor time. "
        "Browsers on the machine itself take its processor's time, too: that is in the p99, which "
        "has no bound here. One on another machine takes none of it.",
    ),
    "scale": About(
        "What does it cost to do more of it?",
        "More processes, more workers at one master, and ten million lookups in one process. "
        "`rate` and `cost` are of two processes to one: nginx and the generators share the "
        "machine's cores, so with two of them a second process has none of its own, and only what "
        "a lookup costs has a bound. The ten million lookups are made up: they go through "
        "everything that keeps anything of a lookup, but no socket.",
    ),
    "worker": About(
        "How little does a worker need?",
        "What `pip install dragstrip` brings to a worker's machine, without bytecode, and two real "
        "`dragstrip worker`s with 10 lookups a second each: the memory of the process that makes "
        "the load, with and without the command that started it, and the processor time of a "
        "slice.",
    ),
    "checks": About(
        "How many answers a second does one core check?",
        "A JSON body of 665 bytes and 2,000 keys, no socket. `known` is where the same bytes come "
        "again for a key, `in full` where each answer is another one, as with a time in it. "
        "Sending and recording a request costs some 25 µs by itself: a check that takes 200,000 a "
        "second adds a fifth to that. `requests_per_s_with_it` is what is left of the 40,000 that "
        "this allows. jsonschema-rs is installed with `dragstrip[schema]`.",
    ),
    "generation": About(
        "How fast are contacts made, and are they still the same ones?",
        "Plain Faker is reseeded for each contact and makes a name, an email, 3 notes and 8 "
        "messages in one locale; `times` is ours to that for contacts with as many notes and "
        "messages, and every other field of the rows. Rates are for each second of the processor. "
        "The digest is over every field of every contact and must be the one that the benchmark "
        "knows.",
    ),
    "loading": About(
        "How fast are both backends filled and verified, and in how much memory?",
        "On a lab of its own: its Convex is a stand-in, its Supabase has no network before it. "
        "`ours` is all of seeding, contacts made and digests compared; `ours_rows_only` copies "
        "rows that are encoded already, as psql does from its files. A million contacts are "
        "seeded into stores that keep nothing, to see what the seeding process keeps: in the "
        "lab's Convex they would take a quarter of an hour.",
    ),
    "searches": About(
        "Does `dragstrip capacity` find what real servers carry?",
        "The command, its prechecks and its load search servers that decide by a clock of their "
        "own what they carry: 300 and 220 requests/s. `error` is the estimate's, relative; an "
        "interval holds the truth also where an end is open. A search has 12 rounds of 0.6 s "
        "slices, four searches run side by side, and `s` and `requests` are of one of them. Each "
        "searches two servers that carry the same: the ratio should not tell them apart.",
    ),
    "inference": About(
        "Does the analysis keep what it promises?",
        "Simulated races with a known truth are judged as real ones. No load is made.",
    ),
}
"""The benchmarks in the order in which they are run."""

_HEAD = """\
# Benchmarks

The instrument measured against what it promises, and against its peers. `make bench` runs all of
this again, writes `benchmarks/latest.json` and makes this page from it; `python -m benchmarks
--only NAME` runs one. nginx must be installed; peers that are not are named as such.

One stands apart, as it proves rather than measures: `python -m benchmarks.killed_seed` seeds
100,000 contacts into both backends of a lab of its own, is killed twice on the way, verifies all of
them, and finds one altered message on each side by name.
"""

_CANNOT_TELL = """\
What these figures cannot tell: generator and server share a machine and its memory bandwidth, each
with one core, so rates are this machine's and not another's; over loopback there is no network, no
TLS and no loss; nginx with files is quicker than any backend, and a real race is bounded by the
backend long before these rates. Ratios within a round carry over to other machines better than
rates do.
"""


def render(collected: Mapping[str, Any]) -> str:
    """Return the page for the content of latest.json."""
    entries = {name: collected["benchmarks"].get(name) for name in ABOUT}
    parts = [_HEAD, "\n".join(_measured(entries)) + "\n", _CANNOT_TELL, "## Bounds\n"]
    parts.append(_table(["What", "Figure", "Bound", "Holds", "Command"], _bounds(entries)))
    for name, entry in entries.items():
        parts.append(f"## {name.capitalize()}: {ABOUT[name].question}\n")
        parts.append(ABOUT[name].how + "\n")
        if entry and entry["document"]:
            figures = entry["document"]["figures"]
            tables = {key: value for key, value in figures.items() if _is_table(value)}
            rest = {key: value for key, value in figures.items() if key not in tables}
            rows = [list(row) for row in _flat(rest)]
            parts.append(f"`{entry['document']['command']}` took {entry['took_s']:.0f} s.\n")
            parts.append(_table(["Figure", "Value"], rows))
            for key, table in tables.items():
                cells = [[_value(cell) for cell in row.values()] for row in table]
                parts.append(f"**{key.replace('_', ' ')}**\n")
                parts.append(_table([head.replace("_", " ") for head in table[0]], cells))
        else:
            parts.append(f"Not measured: {_problem(entry)}\n")
    return "\n".join(parts)


def _measured(entries: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each machine and day."""
    places: dict[str, list[str]] = {}
    for name, entry in entries.items():
        if not (entry and entry["document"]):
            continue
        machine = entry["document"]["machine"]
        day, clock = entry["measured"][:10], entry["measured"][11:16]
        place = (
            f"Measured on {day} on {machine['system']}, {machine['architecture']}, "
            f"{machine['cpus']} CPUs, {machine['memory_bytes'] / 2**30:.0f} GiB, "
            f"Python {machine['python']}"
        )
        load = machine["load_average"]
        places.setdefault(place, []).append(f"{name} {clock} UTC (load average {load:g})")
    for place, names in places.items():
        yield f"{place}: {', '.join(names)}."


def _bounds(entries: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, entry in entries.items():
        command = f"`python -m benchmarks.{name}`"
        if not (entry and entry["document"]):
            yield [name, "none", "", "**no**", command]
            continue
        document = entry["document"]
        for bound in document["bounds"]:
            yield [
                f"{name}: {bound['name']}",
                _value(bound["figure"]),
                f"{bound['must_be']} {_value(bound['bound'])}",
                "yes" if bound["passed"] else "**no**",
                f"`{document['command']}`",
            ]


def _problem(entry: Mapping[str, Any] | None) -> str:
    return "it was not run" if entry is None else " ".join(str(entry["problem"]).split())


def _is_table(value: Any) -> bool:
    """Whether it is rows of single values, all of one form."""
    return (
        isinstance(value, list)
        and all(isinstance(row, dict) and row.keys() == value[0].keys() for row in value)
        and not any(isinstance(cell, dict | list) for row in value for cell in row.values())
        and len(value) > 1
    )


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every figure with the names on the way to it."""
    if isinstance(value, dict) and set(value) != _SPREAD:
        for key, inner in value.items():
            yield from _flat(inner, f"{name} · {key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for place, inner in enumerate(value, 1):
            yield from _flat(inner, f"{name} · {place}")
    else:
        yield name, _value(value)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
        case dict():
            low, high = _value(value["least"]), _value(value["most"])
            return f"{_value(value['median'])} ({low} to {high})"
        case list():
            return ", ".join(map(_value, value))
    return "none" if value is None else str(value)


def _table(head: list[str], rows: Any) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return (
        "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
