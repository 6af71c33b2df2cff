"""The page of the benchmarks says what the stored figures say, and no more."""

from __future__ import annotations

from typing import Any

from benchmarks.page import ABOUT, render

MACHINE = {
    "system": "Linux 6.1",
    "architecture": "x86_64",
    "cpus": 2,
    "memory_bytes": 8 << 30,
    "python": "3.11.7",
    "load_average": 0.25,
}


def entry(name: str, *, figure: float = 6.5, passed: bool = True, **figures: Any) -> dict[str, Any]:
    bound = {"name": "times", "figure": figure, "must_be": "at least", "bound": 6, "passed": passed}
    return {
        "measured": "2026-11-23T09:31:02+00:00",
        "took_s": 61.0,
        "exit_code": int(not passed),
        "problem": None,
        "document": {
            "benchmark": name,
            "command": f"python -m benchmarks.{name}",
            "bounds": [bound],
            "figures": figures,
            "machine": MACHINE,
        },
    }


def test_a_row_for_each_bound_and_figure() -> None:
    spread = {"median": 12345.6, "least": 10000.0, "most": 15000.0}
    figures: dict[str, Any] = {
        "lookups": {"hey": {"per_s": spread}},
        "rounds": 5,
        "wrong": [1, 2],
        "a|b": None,
        "early_ends": [{"pairs": 20, "pairs_used": 16.5}, {"pairs": 40, "pairs_used": 25.0}],
    }
    page = render({"benchmarks": {"speed": entry("speed", **figures)}})
    assert "| speed: times | 6.5 | at least 6 | yes | `python -m benchmarks.speed` |" in page
    assert "| lookups · hey · per_s | 12,346 (10,000 to 15,000) |" in page
    assert "| wrong | 1, 2 |" in page
    assert "| a\\|b | none |" in page
    assert (
        "**early ends**\n\n| pairs | pairs used |\n| --- | --- |\n| 20 | 16.5 |\n| 40 | 25 |"
        in page
    )
    assert "Measured on 2026-11-23 on Linux 6.1, x86_64, 2 CPUs, 8 GiB, Python 3.11.7" in page


def test_what_does_not_hold_or_was_not_measured_is_said() -> None:
    missing = {"exit_code": 2, "problem": "nginx is not installed", "document": None}
    broken = entry("truth", figure=5.5, passed=False)
    page = render({"benchmarks": {"speed": missing, "truth": broken}})
    assert "| truth: times | 5.5 | at least 6 | **no** | `python -m benchmarks.truth` |" in page
    assert "| speed | none |  | **no** | `python -m benchmarks.speed` |" in page
    assert "Not measured: nginx is not installed" in page
    assert page.count("Not measured: it was not run") == len(ABOUT) - 2
