"""How many answers `same` had the other target's for: counted in each process, and added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip import atomic_file
from dragstrip.errors import StorageError
from scenarios.http.checks.same import ComparedCounts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDER = "compared"


def write(run: Path, process: int, counts: Mapping[str, ComparedCounts]) -> None:
    """Store the counts of a process, by operation. Raises StorageError."""
    file = run / FOLDER / f"{process}.json"
    document = {name: [one.answers, one.compared] for name, one in counts.items()}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write_json(file, document)
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}", fix="make room") from None


def read(run: Path) -> dict[str, ComparedCounts]:
    """Return the counts of all processes whose files are there, by operation."""
    found: dict[str, ComparedCounts] = {}
    for file in sorted((run / FOLDER).glob("*.json")):
        for name, (answers, compared) in (atomic_file.read_json(file) or {}).items():
            counts = found.setdefault(name, ComparedCounts())
            counts.answers += answers
            counts.compared += compared
    return found


def in_words(counts: Mapping[str, ComparedCounts]) -> str:
    """Return the sentence for reports; nothing where nothing was judged by `same`."""
    judged = {name: one for name, one in counts.items() if one.answers}
    parts = [f"{one.compared:,} of {one.answers:,} answers" for one in judged.values()]
    if len(judged) > 1:
        parts = [f"{part} of {name}" for part, name in zip(parts, judged, strict=True)]
    return f"{', '.join(parts)} were compared with the other target's." if parts else ""
