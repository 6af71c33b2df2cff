"""`dragstrip compare`: which runs it refuses, what it prints, and how it exits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.analysis.compare import compare
from dragstrip.analysis.regression import Tolerance
from dragstrip.errors import InvalidRun, UsageError
from dragstrip.report import comparison
from dragstrip.report import text as words
from dragstrip.run.folder import RunFolder
from tests.support.over_time import NEWER, OLDER, run_of, two
from tests.support.own_facts import over_own_numbers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.run.model import Run
    from tests.support.calls import Call

THEN, NOW = two(20.0, 20.0, noise=0.02)


def changed(run: Run, place: str, value: Any) -> Run:
    document = json.loads(run.model_dump_json())
    part = document
    *path, last = place.split(".")
    for name in path:
        part = part[name]
    assert part.get(last) != value
    part[last] = value
    return type(run).model_validate_json(json.dumps(document))


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        ("lab", True, "lab"),
        ("targets.old.kind", "next-supabase", "targets.old.kind"),
        ("targets.old.url", "http://127.0.0.1:9", "targets.old.url"),
        ("scenario.name", "conversation", "scenario"),
        ("scenario.facts.values.seed", 7, "seed"),
        ("scenario.facts.values.contacts", 7, "contacts"),
        ("scenario.facts.values.generator", "2", "generator"),
        ("scenario.facts.digest", "e" * 64, "digest of the data"),
        ("operations", [{"name": "message", "method": "POST"}], "operations"),
        ("config.race.rate", 0, "model"),
        ("config.race.rate", 101, "race.rate"),
        ("config.race.keys", "hot:1", "race.keys"),
        ("config.race.miss", 0.5, "race.miss"),
        ("config.race.slice", 4, "race.slice"),
        ("config.race.warmup", 2, "race.warmup"),
        ("config.race.connections", 5, "race.connections"),
        ("processes", 2, "processes"),
        ("machine.processor", "another", "machine.processor"),
        ("machine.system", "Linux 7", "machine.system"),
        ("machine.memory_bytes", 2**32, "machine.memory"),
        ("machine.cpu_quota", 1.5, "machine.cpu_quota"),
        ("versions.python", "3.12.1", "versions.python"),
        ("versions.locust", "2.48.0", "versions.locust"),
        ("versions.dragstrip", "0.2.0", "versions.dragstrip"),
    ],
)
def test_unlike_runs_are_refused_by_name_and_forced_ones_say_so(
    place: str, value: Any, named: str
) -> None:
    other = changed(NOW, place, value)
    with pytest.raises(UsageError, match=f"unlike in {named}") as refused:
        compare(THEN, other, Tolerance())
    assert "--force" in (refused.value.fix or "")
    forced = compare(THEN, other, Tolerance(), force=True)
    assert named in [one.what for one in forced.unlike]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"sha256": "b" * 64}, "SHA-256 of the keys file"),
        ({"keys": 499}, "keys"),
        ({"found": 479}, "found"),
    ],
)
def test_runs_over_other_data_of_ones_own_are_unlike(other: dict[str, Any], named: str) -> None:
    then = over_own_numbers(THEN)
    assert compare(then, over_own_numbers(NOW), Tolerance()).unlike == []
    with pytest.raises(UsageError, match=f"unlike in {named}") as refused:
        compare(then, over_own_numbers(NOW, **other), Tolerance())
    assert "same keys file" in (refused.value.fix or "")


def test_runs_over_data_of_two_kinds_are_unlike() -> None:
    for mixed in ((over_own_numbers(THEN), NOW), (THEN, over_own_numbers(NOW))):
        with pytest.raises(UsageError, match="unlike in data"):
            compare(*mixed, Tolerance())


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("versions.python", "3.11.9"),
        ("versions.locust", "2.47.3"),
        ("versions.dragstrip", "0.1.7"),
        ("machine.memory_bytes", 2**33 + 2**20),
        ("seed", 99),
        ("config.rules.slo_ms", 10),
    ],
)
def test_what_does_not_change_the_measurement_is_no_obstacle(place: str, value: Any) -> None:
    assert compare(THEN, changed(NOW, place, value), Tolerance()).unlike == []


def test_the_labs_ports_may_change() -> None:
    older, newer = (changed(run, "lab", True) for run in (THEN, NOW))
    moved = changed(newer, "targets.old.url", "http://127.0.0.1:9")
    assert compare(older, moved, Tolerance()).unlike == []


def test_a_setting_that_an_old_run_does_not_know_had_its_default() -> None:
    old = THEN.model_copy(deep=True)
    del old.config["race"]["ledger"]
    assert compare(old, NOW, Tolerance()).unlike == []


def test_an_invalid_run_is_never_compared() -> None:
    invalid = run_of(20.0, name=NEWER, samples=20)
    for runs in ((THEN, invalid), (run_of(20.0, samples=20), NOW)):
        with pytest.raises(InvalidRun, match="samples_per_slice"):
            compare(*runs, Tolerance(), force=True)
    interrupted = NOW.model_copy(update={"interrupted": True})
    with pytest.raises(InvalidRun, match=NEWER):
        compare(THEN, interrupted, Tolerance(), force=True)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: compare(NOW, THEN, Tolerance()), "older one first"),
        (lambda: compare(NOW, NOW, Tolerance()), "name two runs"),
        (lambda: compare(THEN, NOW, Tolerance(), target="none"), "old, new"),
        (lambda: compare(THEN, NOW, Tolerance(ratio=float("nan"))), "1.1"),
        (lambda: compare(THEN, NOW, Tolerance(ratio=0.9)), "1.1"),
        (lambda: compare(THEN, NOW, Tolerance(metric="p99")), "lower quantile"),
        (
            lambda: compare(THEN, NOW.model_copy(update={"baseline": "new"}), Tolerance()),
            "--target: old, new",
        ),
    ],
)
def test_what_cannot_be_compared_names_the_way_out(call: Callable[[], object], says: str) -> None:
    with pytest.raises(UsageError) as refused:
        call()
    assert says in (refused.value.fix or "")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs as a race leaves them, by what became of the newer one."""
    out = tmp_path_factory.mktemp("runs")
    newer = {
        "same": NOW,
        "slower": run_of(30.0, name=NEWER),
        "noisy": run_of(22.0, name=NEWER, noise=0.4),
        "invalid": run_of(20.0, name=NEWER, samples=20),
    }
    for name, run in {OLDER: THEN, **newer}.items():
        (out / name).mkdir()
        RunFolder(out / name).write_run(run)
    return out


@pytest.mark.parametrize(
    ("newer", "code", "word"),
    [
        ("same", 0, "NO REGRESSION"),
        ("slower", 1, "REGRESSION"),
        ("noisy", 4, "INCONCLUSIVE"),
        ("invalid", 3, "invalid"),
    ],
)
def test_the_exit_code_is_the_verdicts(
    stored: Path, call: Call, newer: str, code: int, word: str
) -> None:
    done = call("compare", OLDER, newer, "--out", str(stored))
    assert done.code == code, done.err
    assert word in done.out + done.err
    if code != 3:
        assert "not paired" in done.out
        assert all(len(line) <= 80 for line in done.out.splitlines())
        assert len(done.out.splitlines()) <= 24 - 1
        everything = call("compare", OLDER, newer, "--out", str(stored), "--verbose").out
        assert set(done.out.split()) <= set(everything.split())


def test_json_holds_what_the_terminal_shows(stored: Path, call: Call) -> None:
    done = call("compare", OLDER, "same", "--out", str(stored), "--json")
    found = json.loads(done.out)
    assert (done.code, found["verdict"], found["target"]) == (0, "no regression", "old")
    assert found["low"] < found["ratio"] < found["high"] < found["tolerance"]


def test_a_run_that_is_not_there_is_named(stored: Path, call: Call) -> None:
    done = call("compare", OLDER, "nowhere", "--out", str(stored))
    assert done.code == 2
    assert "nowhere" in done.err


def test_markdown_says_what_the_terminal_says_and_takes_no_markup_from_names() -> None:
    def renamed(run: Run) -> Run:
        return type(run).model_validate_json(
            run.model_dump_json().replace('"old"', json.dumps("<script>|\n# x"))
        )

    older, newer = (changed(renamed(run), "lab", True) for run in (THEN, NOW))
    found = compare(older, newer, Tolerance())
    text = comparison.markdown(found)
    plain = text.replace("\\", "")
    assert text.startswith(
        f"> **{words.LAB_BANNER}**\n\n### NO REGRESSION: \\<script\\>\\| \\# x, "
    )
    assert "<script>" not in text
    for row in comparison.rows(found):
        assert all(cell.strip() in plain for cell in row)
    for remark in comparison.remarks(found):
        assert remark in plain
    assert all(line.count(" | ") == 2 for line in text.splitlines() if line.startswith("| "))
