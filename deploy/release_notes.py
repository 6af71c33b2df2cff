"""Print a version's section of CHANGELOG.md: `release_notes.py v1.2.3`.

Fails when the tag is not the version of the source, or the section is missing or empty.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def notes(tag: str, version: str, changelog: str) -> str:
    """Return what changed in a version. Raises SystemExit with the reason when it cannot."""
    if tag != f"v{version}":
        raise SystemExit(f"error: the tag is {tag}, but dragstrip/version.py says {version}")
    section = re.search(
        rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if section is None or not section[1].strip():
        raise SystemExit(f"error: CHANGELOG.md has no section {version}")
    return section[1].strip() + "\n"


if __name__ == "__main__":
    source = (ROOT / "dragstrip" / "version.py").read_text(encoding="utf-8")
    found = re.search(r'VERSION = "([^"]+)"', source)
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sys.stdout.write(notes(sys.argv[1], found[1] if found else "", changes))
