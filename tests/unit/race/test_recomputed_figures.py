"""Every figure of a report, computed again from the ledger: a figure that nobody can is an error.

What is printed must be what tests/support/recomputed.py finds, character by character.
"""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dragstrip.analysis.recount import recount
from dragstrip.cli import main
from dragstrip.stats.bootstrap import cross_check
from tests.support import report_cells
from tests.support.races import DATASET, Raced, racing, sections
from tests.support.recomputed import (
    QUANTILES,
    Recomputed,
    RecomputedInterval,
    holm,
    interval,
    limits,
    quantile_ms,
)
from tests.support.stand_in import StandIn, dripping, hanging_up, response, saying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.recomputed import Part, Values
    from tests.unit.race.conftest import KnownOutcomes

NOTHING = "–"
SHARES = {"error rate", "reconnects"}
RACES = ["alike", "delayed", "failing", "spoilt", "closed"]


@pytest.fixture(scope="module")
def stored(
    known: KnownOutcomes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Raced]]:
    place = tmp_path_factory.mktemp("recomputed")
    with ExitStack() as stack:
        good, bad = (stack.enter_context(StandIn(DATASET).serving()) for _ in range(2))
        good.delay_s = bad.delay_s = lambda count: 0.002 * (count % 5)
        bad.deeds = {
            1: saying(response(DATASET.answer(2))),
            2: saying(response({}, 404)),
            3: hanging_up(),
            4: dripping(response(DATASET.answer(4)), 0.05),
        }
        short = {"pairs": 6, "slice": 0.4, "timeout": 0.3, "connections": 8}
        # Fewer connections than it takes, so that some lookups find none.
        spoilt = sections(good.url, bad.url, rate=300, **short)
        closed = sections(good.url, good.url, rate=0, **short)
        made = {
            name: stack.enter_context(racing(place / name, configuration, *flags))
            for name, configuration, flags in (
                ("spoilt", spoilt, ["--processes", "2"]),
                ("closed", closed, []),
            )
        }
        for raced in made.values():
            raced.wait()
        yield (
            {"alike": known.alike.raced, "delayed": known.delayed.raced}
            | {"failing": known.failing.raced}
            | made
        )


@pytest.mark.parametrize("name", RACES)
def test_every_printed_figure_is_what_the_ledger_says(
    stored: dict[str, Raced],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    # Wide enough that no cell goes on in another line.
    monkeypatch.setenv("COLUMNS", "200")
    raced = stored[name]
    race = Recomputed(raced.folder.path)
    for form, take_apart in (
        ("terminal", report_cells.of_terminal),
        ("markdown", report_cells.of_markdown),
    ):
        with pytest.raises(SystemExit, match="0"):
            main.main(["report", str(raced.folder.path), "--format", form, "-v"])
        cells = take_apart(capsys.readouterr().out, race.run["id"])
        assert cells.figures == figures(race)
        assert cells.others == others(race, raced)
        assert cells.gates == gates(race)
        rest = cells.text
        for sentence in (*sentences(race, raced), *refused(race), *folded(race, form)):
            assert sentence in rest, rest
            rest = rest.replace(sentence, "", 1)
        assert not any(letter.isdigit() for letter in rest), rest


@pytest.mark.parametrize("name", RACES)
def test_the_ledger_bears_out_what_was_reported(stored: dict[str, Raced], name: str) -> None:
    counted = recount(stored[name].folder)
    assert counted.holds, counted.differences
    assert sum(counted.rows.values()) == len(stored[name].rows())


def test_the_stored_races_show_what_there_is_to_recompute(stored: dict[str, Raced]) -> None:
    spoilt, failing = stored["spoilt"].run.targets["new"], stored["failing"].run.targets["new"]
    assert set(spoilt.failed) >= {"wrong_answer", "http_404", "closed", "timeout"}
    assert failing.failed
    assert failing.p99_ms is None
    for raced in stored.values():
        rows = raced.rows()
        assert (rows["flags"] & 1 == 0).any()
        assert (rows["key"] >= DATASET.contacts).any()
    verdicts = [raced.verdict.verdict for raced in stored.values()]
    assert 0 < verdicts.count("invalid") < len(verdicts)


def figures(race: Recomputed) -> dict[str, tuple[str, ...]]:
    sides = race.totals
    targets = [race.run["config"]["targets"][one["name"]] for one in race.plan["targets"]]

    def row(of: Callable[[Part], str]) -> tuple[str, ...]:
        return tuple(map(of, sides))

    found = {
        "path": tuple(target["kind"] for target in targets),
        "verified requests": row(lambda one: f"{one.verified:,}"),
        "failed (95 % limits)": row(failed),
    }
    for reason in sorted({reason for one in sides for reason in one.reasons}):
        found[reason] = tuple(f"{one.reasons[reason]:,}" for one in sides)
    if race.closed:
        found["throughput"] = row(lambda one: f"{one.achieved_per_s:,.1f}/s")
    else:
        found["offered rate"] = row(lambda one: f"{one.offered_per_s:,.1f}/s")
        found["achieved rate"] = row(lambda one: f"{one.achieved_per_s:,.1f}/s")
    for name, q in QUANTILES.items():
        found[f"response {name}"] = tuple(ms(one.response_ms(q)) for one in sides)
    found["slowest answer"] = row(lambda one: ms(one.slowest_ms))
    if not race.closed:
        found["service p50"] = row(lambda one: ms(one.service_ms(0.5)))
    found["first byte p50"] = row(lambda one: ms(one.reported_ms("first_byte_us", 0.5)))
    found["server: handler p50"] = row(lambda one: ms(one.reported_ms("total_us", 0.5)))
    found["server: query p50"] = row(lambda one: ms(one.reported_ms("query_us", 0.5)))
    for label, parts in (
        ("first of a key", [one.first for one in sides]),
        ("repeated key", [one.repeated for one in sides]),
    ):
        assert any(part.requests for part in parts)
        found[f"{label}: requests"] = tuple(f"{one.requests:,}" for one in parts)
        for name in ("p50", "p95"):
            found[f"{label}: {name}"] = tuple(ms(one.response_ms(QUANTILES[name])) for one in parts)
    found["connections opened"] = row(lambda one: f"{one.opened:,}")
    found["reconnected"] = row(reconnected)
    if not race.closed:
        found["found no free connection"] = row(lambda one: f"{one.no_connection:,}")
    return found


def failed(one: Part) -> str:
    low, high = limits(one.failures, one.requests)
    share = f"{one.error_rate * 100:.3g} %; " if one.failures else ""
    return f"{one.failures:,} ({share}{low * 100:.3g} to {high * 100:.3g} %)"


def reconnected(one: Part) -> str:
    share = f" ({one.reconnect_rate * 100:.3g} %)" if one.reconnected else ""
    return f"{one.reconnected:,}{share}"


def ms(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f} ms"


def compared(race: Recomputed) -> dict[str, RecomputedInterval]:
    """Return each metric's interval over the pairs, where every slice has a value."""
    measures: dict[str, Callable[[Part], float | None]] = {
        "p50": lambda one: one.response_ms(0.5),
        "p95": lambda one: one.response_ms(0.95),
        "p99": lambda one: one.response_ms(0.99),
        "throughput": lambda one: one.achieved_per_s,
        "error rate": lambda one: one.error_rate,
    }
    if any(one.reconnected for one in race.totals):
        measures["reconnects"] = lambda one: one.reconnect_rate
    found = {}
    for name, of in measures.items():
        old, new = race.pairwise(of)
        values = new - old if name in SHARES else logs(old, new)
        if len(values) > 1 and np.isfinite(values).all():
            found[name] = interval(values)
    return found


def logs(old: Values, new: Values) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(new) - np.log(old))


def others(race: Recomputed, raced: Raced) -> dict[str, tuple[str, ...]]:
    if raced.verdict.verdict == "invalid":
        return {}
    found = {name: one for name, one in compared(race).items() if name != race.metric}
    adjusted = dict(zip(found, holm([one.p for one in found.values()]), strict=True))
    return {name: (*effect(name, one), p_value(adjusted[name])) for name, one in found.items()}


def effect(name: str, one: RecomputedInterval) -> tuple[str, str]:
    if name in SHARES:
        mean, low, high = (value * 100 for value in (one.mean, one.low, one.high))
        return f"{mean:+.3g} pp", f"{low:+.3g} to {high:+.3g} pp"
    return f"{math.exp(one.mean):.3f}", f"{math.exp(one.low):.3f} to {math.exp(one.high):.3f}"


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


GATES = {
    "complete_pairs": "pairs of slices that ran to the end",
    "voided_pairs": "pairs voided, for example by a lost worker",
    "lost_workers": "generator processes lost during the race",
    "lost_rows": "requests missing from the final counts",
    "changed_data": "changes to the data during the race",
    "own_limits": "failures by a limit of this machine",
    "refused_workers": "workers whose credentials alone were refused",
    "outages": "outages of a second or more",
    "verified": "verified requests of each target",
    "wrong_answers": "answers that differ from the data",
    "samples_per_slice": "requests in the smallest slice",
    "achieved_rate": "requests sent before the end of their slice",
    "no_connection": "requests due while every connection was busy",
    "reconnects": "requests that had to replace their connection",
    "send_delay_p99_ms": "lateness of sends, p99",
    "loop_lag_ms": "lateness of the event loop, p99",
    "generator_cpu": "CPU of the busiest generator process",
    "throttled": "time that a container's CPU limit held the generator up",
    "clock_step_ms": "step of the wall clock during a slice",
}


def gates(race: Recomputed) -> dict[str, tuple[str, ...]]:
    return {GATES[name]: words for name, words in judged(race).items()}


def judged(race: Recomputed) -> dict[str, tuple[str, ...]]:
    """Return each gate's state, figure and bound in words."""
    sides, workers = race.totals, [w for one in race.reports.values() for w in one["workers"]]
    slower = max(one.response_ms(QUANTILES[race.metric]) or 0.0 for one in sides)
    lag_ms = max(25.0, 0.1 * slower)
    wrong = sum(int(np.isin(rows["outcome"], (3, 5, 6, 7)).sum()) for rows in race.ledger.values())
    own = sum(int((rows["outcome"] >= 19).sum()) for rows in race.ledger.values())
    lags: dict[int, list[float]] = {}
    for worker in workers:
        lags.setdefault(worker["worker"], []).append(worker["loop_lag_p99_ms"])
    late = np.concatenate([one.send_delay_ns for one in sides])
    found: dict[str, tuple[str, ...]] = {
        "complete_pairs": at_least(len(race.whole_pairs), race.plan["race"]["pairs"]),
        "voided_pairs": at_most(len(race.voided_pairs), 0),
        "lost_workers": at_most(len(race.finish["lost_workers"]), 0),
        "lost_rows": at_most(lost_rows(race), 0),
        "changed_data": at_most(int(race.run["data_after"] == "changed"), 0),
        "own_limits": at_most(own, 0),
        "outages": at_most(outages(race), 0),
        "verified": at_least(min(one.verified for one in sides), 1),
        "wrong_answers": at_most(wrong, 0),
        "samples_per_slice": at_least(
            min(one.requests for one in race.slices.values()),
            {"p50": 6, "p95": 59, "p99": 299}[race.metric],
        ),
        "achieved_rate": at_least(
            min(one.achieved_per_s / one.offered_per_s for one in sides), 0.95, "%"
        ),
        "no_connection": at_most(max(one.no_connection / one.requests for one in sides), 0.01, "%"),
        "reconnects": at_most(max(one.reconnect_rate for one in sides), 0.05, "%"),
        "send_delay_p99_ms": at_most(quantile_ms(late, 0.99) or 0.0, lag_ms, "ms"),
        "loop_lag_ms": at_most(max(sum(one) / len(one) for one in lags.values()), lag_ms, "ms"),
        "generator_cpu": at_most(max(one["cpu_s"] / one["wall_s"] for one in workers), 0.9, "%"),
        "clock_step_ms": at_most(max(abs(one["clock_step_ms"]) for one in workers), 100, "ms"),
    }
    throttled = [w["throttled_s"] / w["wall_s"] for w in workers if w["throttled_s"] is not None]
    if throttled:
        found["throttled"] = at_most(max(throttled), 0.01, "%")
    if len(race.ledger) > 1:
        # No target of these races refuses a worker.
        statuses = np.concatenate([rows["status"] for rows in race.ledger.values()])
        found["refused_workers"] = at_most(int(np.isin(statuses, (401, 403)).sum()), 0)
    if race.closed:
        for name in ("achieved_rate", "no_connection", "send_delay_p99_ms"):
            del found[name]
    return found


def outages(race: Recomputed) -> int:
    """Return how often a target gave no process an answer for a second or more."""
    count = 0
    for target in (0, 1):
        rows = np.concatenate([rows[rows["target"] == target] for rows in race.ledger.values()])
        rows = rows[np.argsort(rows["sent_ns"])]
        answers = np.flatnonzero(rows["status"] > 0)
        silent = np.split(rows["sent_ns"], answers)[1:]
        count += sum(bool(len(one) > 1 and one[-1] - one[1] >= 1e9) for one in silent)
    return count


def lost_rows(race: Recomputed) -> int:
    """Return by how many rows the processes' last words differ from their ledgers."""
    said = {int(worker): one["rows"] for worker, one in race.finish["workers"].items()}
    assert said.keys() == race.ledger.keys()
    return sum(abs(said[worker] - len(rows)) for worker, rows in race.ledger.items())


def at_least(figure: float, bound: float, unit: str = "") -> tuple[str, str, str]:
    state = "ok" if figure >= bound else "FAILED"
    return state, number(figure, unit), f"at least {number(bound, unit)}"


def at_most(figure: float, bound: float, unit: str = "") -> tuple[str, str, str]:
    state = "ok" if figure <= bound else "FAILED"
    return state, number(figure, unit), f"at most {number(bound, unit)}"


def number(value: float, unit: str) -> str:
    value = value * 100 if unit == "%" else value
    text = f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"
    return f"{text} {unit}".strip()


def sentences(race: Recomputed, raced: Raced) -> Iterator[str]:
    """Yield every sentence of the report that has a figure in it."""
    word, rules = raced.verdict.verdict, race.run["config"]["rules"]
    if word == "invalid":
        failing = [
            f"{name} ({GATES[name]}: {figure}, must be {bound})"
            for name, (state, figure, bound) in judged(race).items()
            if state == "FAILED"
        ]
        yield (
            f"INVALID: the run fails {'; '.join(failing)}. This run proves nothing about new "
            "against old."
        )
    else:
        yield headline(race, raced)
        yield from comparison(race)
    if word != "invalid":
        yield from objective(race, rules["slo_ms"])
    yield conditions(race)
    digest = DATASET.digest()[:12]
    yield (
        f"Data: {DATASET.contacts} contacts of seed {DATASET.seed}; digest of the data {digest}…, "
        "the same before the race and after it."
    )


def refused(race: Recomputed) -> Iterator[str]:
    """Yield what is said of a target that turned requests away."""
    new = race.totals[1]
    share = new.reasons["http_503"] / new.requests
    if share > race.run["config"]["rules"]["max_error_rate"]:
        yield f"new answered 503 to {100 * share:.3g} % of requests: it was overloaded"


def folded(race: Recomputed, form: str) -> Iterator[str]:
    """Yield what stands over the gates where they are folded."""
    if form == "markdown":
        states = [state for state, _, _ in judged(race).values()]
        yield f"{states.count('ok')} of {len(states)} validity checks passed"


def headline(race: Recomputed, raced: Raced) -> str:
    rules, new = race.run["config"]["rules"], race.totals[1]
    word = raced.verdict.verdict.upper()
    if new.error_rate > rules["max_error_rate"]:
        assert limits(new.failures, new.requests)[0] > rules["max_error_rate"]
        why = f"{new.error_rate:.2%} of its requests fail; max_error_rate is 0.001"
        return f"{word}: new against old: {why}."
    found = compared(race)[race.metric]
    assert word == by_interval(*found.after(found.count), rules)
    said = f"{word}: new against old: {raced.verdict.reason}"
    if word != "INCONCLUSIVE":
        return f"{said}."
    settled = (n for n in range(6, 10_001) if by_interval(*found.after(n), rules) != word)
    needed = next(settled) * (race.pairs // found.count)
    return f"{said} ({needed} pairs would settle it)."


def by_interval(low: float, high: float, rules: dict[str, Any]) -> str:
    low, high = math.exp(low), math.exp(high)
    if high <= rules["adopt_ratio"]:
        return "ADOPT"
    if rules["equivalent"][0] <= low and high <= rules["equivalent"][1]:
        return "EQUIVALENT"
    return "BETTER" if high < 1 else "WORSE" if low > 1 else "INCONCLUSIVE"


def is_unknown(found: RecomputedInterval) -> bool:
    """Whether an interval is so wide that nothing is printed of it, as on a machine too busy."""
    return found.high - found.low >= math.log(100)


def comparison(race: Recomputed) -> Iterator[str]:
    found = compared(race).get(race.metric)
    if found is None:
        return
    pairs = race.pairs
    if is_unknown(found):
        yield f"{race.metric} new/old: not known within a factor of 100; these are {pairs} pairs"
    else:
        yield (
            f"{race.metric} new/old = {math.exp(found.mean):.3f} (95 % interval "
            f"{math.exp(found.low):.3f} to {math.exp(found.high):.3f}, {pairs} pairs; smallest "
            f"detectable change {found.detectable * 100:.3g} %)"
        )
    if found.findings:
        reason = " and ".join(found.findings)
        if found.count == pairs:
            yield f"Too few pairs to merge, yet {reason}: the interval may be too narrow."
        else:
            yield f"{pairs} pairs merged into {found.count}, since {reason}"
    # Resampling by a seeded generator has no other description than its code.
    check = cross_check(found.values, race.plan["seed"])
    if check and not check.agrees:
        low, high = math.exp(check.low), math.exp(check.high)
        ends = f"{low:.3f} to {high:.3f}"
        if high / low >= 100:
            ends = "not known within a factor of 100"
        yield f"A bootstrap over the pairs disagrees: {ends}."


def objective(race: Recomputed, slo_ms: float) -> Iterator[str]:
    sides = race.pairwise(lambda one: one.response_ms(QUANTILES[race.metric]))
    said = []
    for name, values in zip(("old", "new"), sides, strict=True):
        if not np.isfinite(values).all():
            said.append(f"{name} open")
            continue
        found = interval(np.log(values))
        low, high = math.exp(found.low), math.exp(found.high)
        state = "met" if high <= slo_ms else "missed" if low > slo_ms else "open"
        said.append(f"{name} {state} ({ms(low)} to {ms(high)})")
    if compared(race).get(race.metric):
        yield f"{race.metric} of a typical slice against slo_ms: {', '.join(said)}."


def conditions(race: Recomputed) -> str:
    plan = race.plan["race"]
    load = "closed model" if race.closed else "poisson arrivals"
    pairs = f"{plan['pairs']} pair" + "s" * (plan["pairs"] != 1)
    return (
        f"{pairs} of {plan['slice']:g} s slices ({plan['warmup']:g} s of each not "
        f"counted), {load}, {plan['connections']} connections, keys {plan['keys']}, misses "
        f"{plan['miss'] * 100:.3g} %, {DATASET.contacts} contacts of seed {DATASET.seed}, arrival "
        f"seed {race.plan['seed']}"
    )


def test_run_json_and_verdict_json_say_the_same(stored: dict[str, Raced]) -> None:
    for raced in stored.values():
        race = Recomputed(raced.folder.path)
        verdict = json.loads((raced.folder.path / "verdict.json").read_text())
        for name, part in zip(("old", "new"), race.totals, strict=True):
            of_run, of_verdict = race.run["targets"][name], verdict["targets"][name]
            for field in ("verified", "failed", "p50_ms", "p95_ms", "p99_ms", "error_rate"):
                assert of_verdict[field] == of_run[field]
            assert of_run["failed"] == dict(part.reasons)
            assert of_run["requests"] == part.requests
            assert of_run["bytes"] == int(part.rows["bytes"].sum())
            ends = (of_verdict["error_rate_low"], of_verdict["error_rate_high"])
            assert ends == pytest.approx(limits(part.failures, part.requests))
        for slice_ in race.run["slices"]:
            part = race.slices[slice_["index"]]
            assert (slice_["requests"], slice_["verified"]) == (part.requests, part.verified)
            for name, q in QUANTILES.items():
                assert slice_[f"{name}_ms"] == part.response_ms(q)
