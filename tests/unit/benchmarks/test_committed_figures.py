"""The committed figures are those of whole runs, keep their bounds, and are what the page shows."""

from __future__ import annotations

import json

import pytest

from benchmarks.__main__ import LATEST, PAGE
from benchmarks.page import ABOUT, render


def test_the_page_shows_them() -> None:
    assert PAGE.read_text() == render(json.loads(LATEST.read_text()))


@pytest.mark.parametrize("name", list(ABOUT))
def test_every_bound_holds(name: str) -> None:
    document = json.loads(LATEST.read_text())["benchmarks"][name]["document"]
    assert document["bounds"]
    for bound in document["bounds"]:
        holds = {
            "at most": bound["figure"] <= bound["bound"],
            "at least": bound["figure"] >= bound["bound"],
        }
        assert bound["passed"] is holds[bound["must_be"]] is True
    assert "--quick" not in document["command"]
