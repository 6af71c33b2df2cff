"""The accounts of what a run wrote, as the reports show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.numbers import count, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.run.model import Run, Writes

Row = tuple[str, str, str]


def short_rows(run: Run) -> list[Row]:
    """Return what everybody reads: a label, the baseline's cell, the challenger's; maybe none."""
    return _table(run, _SHORT)


def rows(run: Run) -> list[tuple[str, str, str, str]]:
    """Return all accounts: label, both cells, and what the label means."""
    return [(*row, meaning) for row, (_, meaning, _) in zip(_table(run, _ALL), _ALL, strict=False)]


def has_reads(run: Run) -> bool:
    """Whether any lookup came after a message."""
    return any(one.reads for one in run.writes.values())


def in_words(run: Run) -> list[str]:
    """Return a sentence for each target, in words that need no explanation."""
    return [_sentence(name, run.writes[name]) for name in _names(run)]


def _sentence(name: str, one: Writes) -> str:
    wrong = [
        words
        for figure, words in (
            (one.lost, f"lost {one.lost:,}"),
            (one.duplicated, f"stored {one.duplicated:,} more than once"),
            (one.unexpected, f"holds {one.unexpected:,} that were never sent"),
            (one.stale, f"hid some from {one.stale:,} of {one.reads:,} lookups"),
        )
        if figure
    ]
    if wrong:
        return f"Of {one.acknowledged:,} acknowledged messages, {name} {', '.join(wrong)}."
    seen = f", and showed them in all {one.reads:,} lookups that came after" if one.reads else ""
    return f"{name} stored each of {one.acknowledged:,} acknowledged messages once{seen}."


def _names(run: Run) -> list[str]:
    return [name for name in (run.baseline, run.challenger) if name in run.writes]


def _table(run: Run, lines: tuple[_Line, ...]) -> list[Row]:
    if len(_names(run)) < 2:
        return []
    baseline, challenger = (run.writes[name] for name in (run.baseline, run.challenger))
    return [(label, say(baseline), say(challenger)) for label, _, say in lines]


_Line = tuple[str, str, "Callable[[Writes], str]"]

_SHORT: tuple[_Line, ...] = (
    ("writes acknowledged", "", lambda one: count(one.acknowledged)),
    (
        "lost, doubled, stale",
        "",
        lambda one: f"{one.lost:,}, {one.duplicated:,}, {one.stale:,}",
    ),
)

_ALL: tuple[_Line, ...] = (
    ("attempted", "messages that were sent", lambda one: count(one.attempted)),
    (
        "acknowledged",
        "of them, those that the target said it had received",
        lambda one: count(one.acknowledged),
    ),
    ("stored", "of them, those that are in its database afterwards", lambda one: count(one.stored)),
    ("lost", "acknowledged, and not in the database", lambda one: count(one.lost)),
    ("doubled", "in the database more than once", lambda one: count(one.duplicated)),
    ("unexpected", "in the database, and never sent", lambda one: count(one.unexpected)),
    (
        "recovered",
        "in the database though never acknowledged, as after a timeout: allowed",
        lambda one: count(one.recovered),
    ),
    (
        "sent again",
        "redelivered though answered, and retried after a failure",
        lambda one: f"{one.redelivered:,} + {one.retried:,}",
    ),
    (
        "lookups afterwards",
        "asked for a contact with a message that was acknowledged before",
        lambda one: count(one.reads),
    ),
    ("stale lookups", "of them, those that missed such a message", lambda one: count(one.stale)),
    (
        "longest staleness",
        "from an acknowledgement to the last lookup that missed the message",
        lambda one: milliseconds(one.stable_ms),
    ),
)
