"""Runs that earlier versions stored, in the form of this one."""

from __future__ import annotations

from typing import Any

RENAMED = {
    "due": "requests",
    "no_slot": "no_connection",
    "send_lag": "send_delay",
    "send_lag_p99_ms": "send_delay_p99_ms",
    "settle": "warmup",
    "users": "connections",
}
"""Names of version 2 and earlier, and what they are called since version 3."""


def renamed(document: Any) -> Any:
    """Return a document with today's names: of its fields, and of its gates."""
    if isinstance(document, list):
        return [renamed(one) for one in document]
    if not isinstance(document, dict):
        return document
    names = {RENAMED.get(name, name): renamed(value) for name, value in document.items()}
    if set(names) == {"name", "passed", "figure", "bound"}:
        names["name"] = RENAMED.get(names["name"], names["name"])
    return names


def upgraded_plan(plan: dict[str, Any]) -> dict[str, Any]:
    """Return a plan.json's document in the form of version 2."""
    if plan.get("schema_version") != 1:
        return plan
    document = {**plan, "schema_version": 2, "race": renamed(plan.get("race"))}
    dataset = document.get("dataset")
    if isinstance(dataset, dict):
        document["scenario"] = {"name": "lookup"}
        document["keys"] = dataset.get("keys", dataset.get("contacts"))
        document["dataset"] = {name: one for name, one in dataset.items() if name != "keys"}
    return document


def upgraded(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run.json's document in the form of version 3.

    Versions 1 and 2 knew the lookup only, and had its data under `dataset`: seeded contacts, or
    since version 2 a keys file.
    """
    if run.get("schema_version") not in (1, 2):
        return run
    document = {**run, "schema_version": 3}
    for part in ("targets", "slices", "gates", "config"):
        document[part] = renamed(run.get(part))
    dataset = document.pop("dataset", None)
    if isinstance(dataset, dict):
        facts = _keys_file(dataset) if dataset.get("kind") == "keys-file" else _seeded(dataset)
        keys = dataset.get("keys", dataset.get("contacts"))
        document["scenario"] = {"name": "lookup", "keys": keys, "facts": facts}
    return document


def _seeded(dataset: dict[str, Any]) -> dict[str, Any]:
    names = ("seed", "contacts", "generator", "compared", "ranges")
    compared, ranges = dataset.get("compared"), dataset.get("ranges")
    part = ""
    if isinstance(compared, int) and isinstance(ranges, int) and compared < ranges:
        part = f" ({compared:,} of {ranges:,} ranges of contacts were compared)"
    return {
        "data": f"{_count(dataset, 'contacts'):,} contacts of seed {dataset.get('seed')}{part}",
        "answers": "right",
        "proof": "Both backends named this digest of the whole data before the race.",
        "digest": dataset.get("digest"),
        "values": {name: dataset.get(name) for name in names},
        "alike": ["seed", "contacts", "generator"],
        "alike_fix": "seed both times with the same dataset.seed and dataset.contacts",
        "commands": ["seed", "verify"],
    }


def _keys_file(dataset: dict[str, Any]) -> dict[str, Any]:
    keys, found = _count(dataset, "keys"), _count(dataset, "found")
    return {
        "data": f"{keys:,} phone numbers from a keys file, {found:,} of them known",
        "answers": "alike",
        "proof": (
            "The targets' answers were compared with each other before the race, not with known "
            "data: equal, not proven right."
        ),
        "digest": dataset.get("sha256"),
        "digest_of": "SHA-256 of the keys file",
        "values": {"keys": keys, "found": found},
        "alike": ["keys", "found"],
        "alike_fix": "race with the same keys file, over data that has not changed in between",
        "commands": ["verify"],
    }


def _count(dataset: dict[str, Any], name: str) -> int:
    count = dataset.get(name)
    if not isinstance(count, int):
        raise ValueError(f"dataset.{name} is not a number")  # noqa: TRY004
    return count
