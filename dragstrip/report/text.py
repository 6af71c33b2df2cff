"""The words and numbers that every report shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.analysis.gates import bound_of, figure_of, words_of
from dragstrip.analysis.numbers import NOTHING, count, milliseconds, per_second, percent
from dragstrip.analysis.operations import declared
from dragstrip.analysis.outages import words as outage_words
from dragstrip.report import writes
from dragstrip.report.refusals import refusals
from dragstrip.stats.proportion import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragstrip.analysis.rule_checks import State
    from dragstrip.run.model import (
        Comparison,
        Dependence,
        Gate,
        Run,
        TargetTotals,
        Verdict,
        VerdictTarget,
        Word,
    )

LAB_BANNER = (
    "Embedded lab: these numbers describe the lab's stand-ins on this machine, not Convex or "
    "Supabase as you would deploy them."
)
CLOSED_BANNER = (
    "Closed model: a connection sends its next request only when its last is answered. It waits "
    "for a slow target, so these times hide the waiting that users would see, and response time is "
    "service time. Throughput is what a closed model compares well."
)
_SHORT_BANNERS = {
    LAB_BANNER: LAB_BANNER,
    CLOSED_BANNER: "Closed model: the times hide the waiting that users see; compare throughput.",
}
REQUIRED: dict[State, str] = {"holds": "met", "fails": "not met", "open": "open"}


COLOURS: dict[Word, str] = {
    "adopt": "bold green",
    "better": "bold green",
    "equivalent": "bold cyan",
    "worse": "bold yellow",
    "inconclusive": "bold yellow",
    "invalid": "bold red",
    "unsafe": "bold red",
}
"""The style of each verdict in a terminal."""


def banners(run: Run) -> list[str]:
    """Return what must be read before any figure."""
    kinds = [LAB_BANNER] * run.lab + [CLOSED_BANNER] * run.closed_model
    return kinds + [sentence for _, sentence in incidents(run)]


def incidents(run: Run) -> list[tuple[str, str]]:
    """Return what happened in the race that the figures do not say, each with its label."""
    found = {
        "Faults": faults(run),
        "Outages": _counted_outages(run),
        "Refusals": refusals(run),
    }
    return [(label, sentence) for label, sentences in found.items() for sentence in sentences]


def _counted_outages(run: Run) -> list[str]:
    """Return the outages that count; others make the run invalid, and its reasons name them."""
    if run.config["rules"].get("outages") != "count" or not run.outages:
        return []
    return [f"Outages, which count as failures: {'; '.join(map(outage_words, run.outages))}."]


def short_banners(run: Run) -> list[str]:
    """Return the same, of two lines at most each."""
    return [_SHORT_BANNERS.get(banner, banner) for banner in banners(run)]


_FAULTS = {
    "kill": ("was killed", "was back"),
    "stop": ("was stopped", "went on"),
    "cut": ("was cut off the network", "could be reached again"),
}


def faults(run: Run) -> list[str]:
    """Return in one sentence what was done to the lab's services; nothing where nothing was."""
    told = []
    for fault in run.faults:
        began, ended = _FAULTS[fault.kind]
        if fault.began_s is None:
            told.append(f"{fault.kind}:{fault.service}@{fault.planned_s:g}s was not carried out")
            continue
        end = f"did not come back: {fault.problem}"
        if fault.ended_s is not None:
            end = f"{ended} at {fault.ended_s:.1f} s"
        told.append(f"{fault.service} {began} at {fault.began_s:.1f} s and {end}")
    return [f"Faults made on purpose: {'; '.join(told)}."] if told else []


def headline(run: Run, verdict: Verdict) -> str:
    """Return the verdict in one sentence."""
    sides = f"{run.challenger} against {run.baseline}"
    if verdict.verdict == "invalid":
        return f"INVALID: {verdict.reason}. This run proves nothing about {sides}."
    if verdict.verdict == "unsafe":
        return f"UNSAFE: {verdict.reason}. No speed makes up for that."
    word = verdict.verdict.upper()
    tail = f" ({verdict.pairs_needed} pairs would settle it)" if verdict.pairs_needed else ""
    return f"{word}: {sides}: {verdict.reason}{tail}."


def short_headline(run: Run, verdict: Verdict) -> str:
    """Return the same; of an invalid run without the reasons, which follow one by one."""
    if verdict.verdict == "unsafe":
        names = " and ".join(name for name, one in run.writes.items() if not one.is_safe)
        return f"UNSAFE: {names} broke its word, and no speed makes up for that."
    if verdict.verdict != "invalid":
        return headline(run, verdict)
    return f"INVALID: this run proves nothing about {run.challenger} against {run.baseline}."


def comparison(run: Run, verdict: Verdict) -> str | None:
    """Return the ratio with its interval in words; None when there is none to show."""
    if verdict.ratio is None or verdict.low is None or verdict.high is None:
        return None
    what = f"{declared(verdict)} {run.challenger}/{run.baseline}"
    if unsaid := numbers.unsaid(verdict.low, verdict.high, verdict.pairs):
        return f"{what}: {unsaid}; these are {verdict.pairs} pairs"
    planned = run.config["race"]["pairs"]
    pairs = f"{verdict.pairs} of {planned}" if _ended_early(run) else f"{verdict.pairs}"
    return (
        f"{what} = {numbers.ratio(verdict.ratio)} "
        f"(95 % interval {numbers.ratios(verdict.low, verdict.high)}, {pairs} pairs; "
        f"smallest detectable change {percent(verdict.minimum_detectable_effect)})"
    )


def interval(verdict: Verdict) -> tuple[float, float, float] | None:
    """Return (ratio, low, high) to draw; None where there is none, or where it says nothing."""
    if verdict.ratio is None or verdict.low is None or verdict.high is None:
        return None
    if numbers.unsaid(verdict.low, verdict.high, verdict.pairs):
        return None
    return verdict.ratio, verdict.low, verdict.high


def doubts(verdict: Verdict) -> list[str]:
    """Return what speaks against the interval, one sentence each."""
    found = []
    if verdict.dependence and verdict.dependence.reason:
        found.append(_dependence(verdict.dependence, verdict.pairs))
    check = verdict.cross_check
    if check and not check.agrees:
        found.append(
            f"A bootstrap over the pairs disagrees: {numbers.ratios(check.low, check.high)}. Look "
            "for pairs that are far out."
        )
    return found


def remarks(run: Run, verdict: Verdict) -> list[str]:
    """Return what else there is to know about the interval and the objective, one sentence each."""
    found = [*_looks(run), *doubts(verdict)]
    if verdict.ratio is not None:
        sides = ((name, verdict.targets[name]) for name in (run.baseline, run.challenger))
        words = ", ".join(f"{name} {_objective(side)}" for name, side in sides if side.slo)
        found += (
            [f"{declared(verdict)} of a typical slice against slo_ms: {words}."] if words else []
        )
    return found + _calibration(run, verdict)


_LOOKS_NAMED = 5


def _looks(run: Run) -> list[str]:
    """Return in one sentence when the race was looked at, and how many pairs that saved."""
    planned = run.config["race"]["pairs"]
    if not run.looks:
        return []
    made = [f"{look.pairs}" for look in run.looks]
    after = ", ".join(made if len(made) <= _LOOKS_NAMED else [*made[:2], "…", made[-1]])
    saved = planned - run.looks[-1].pairs
    end = f"decided then, which saved {saved} pairs" if _ended_early(run) else "never decided then"
    looked = f"Looked at after {after} of {planned} pairs, and {end}"
    return [f"{looked}; the interval allows for every look."]


def _ended_early(run: Run) -> bool:
    return bool(run.looks) and run.looks[-1].ends


def _calibration(run: Run, verdict: Verdict) -> list[str]:
    made = run.calibration
    if made is None:
        return ["Not calibrated: `dragstrip calibrate` finds how far this machine can be trusted."]
    floor = made.noise_floor.get(verdict.metric)
    if floor is None:
        return made.remarks
    by = f"On this machine, equal targets parted by up to {percent(floor)} in {verdict.metric}"
    return [f"{by} (calibrated {made.made:%Y-%m-%d}).", *made.remarks]


SECONDARY_HEADS = ("other metrics", "challenger/baseline", "95 % interval", "p (Holm)")


def secondary_rows(verdict: Verdict) -> list[tuple[str, str, str, str]]:
    """Return the metrics that the rule does not look at, under SECONDARY_HEADS."""
    return [
        (name.replace("error_rate", "error rate"), *_effect(one), _p_value(one.p_adjusted))
        for name, one in verdict.secondary.items()
    ]


def rows(run: Run) -> list[tuple[str, str, str]]:
    """Return the table: a label, the baseline's cell, the challenger's cell."""
    sides = (run.targets[run.baseline], run.targets[run.challenger])
    reasons = sorted({reason for side in sides for reason in side.failed})

    def row(label: str, *cells: str) -> tuple[str, str, str]:
        return (label, cells[0], cells[1])

    made = [
        row("path", *(side.kind for side in sides)),
        row("verified requests", *(count(side.verified) for side in sides)),
        row("failed (95 % limits)", *(_failed(side) for side in sides)),
        *(row(f"  {r}", *(count(side.failed.get(r, 0)) for side in sides)) for r in reasons),
    ]
    if run.closed_model:
        made.append(row("throughput", *(per_second(side.achieved_per_s) for side in sides)))
    else:
        made += [
            row("offered rate", *(per_second(side.offered_per_s) for side in sides)),
            row("achieved rate", *(per_second(side.achieved_per_s) for side in sides)),
        ]
    made += [
        row("response p50", *(milliseconds(side.p50_ms) for side in sides)),
        row("response p95", *(milliseconds(side.p95_ms) for side in sides)),
        row("response p99", *(milliseconds(side.p99_ms) for side in sides)),
        *writes.short_rows(run),
        row("slowest answer", *(milliseconds(side.high_ms) for side in sides)),
    ]
    if not run.closed_model:
        made.append(row("service p50", *(milliseconds(side.service_p50_ms) for side in sides)))
    made += [
        row("first byte p50", *(milliseconds(side.first_byte_p50_ms) for side in sides)),
        row("server: handler p50", *(milliseconds(side.total_p50_ms) for side in sides)),
        row("server: query p50", *(milliseconds(side.query_p50_ms) for side in sides)),
        *_asked_rows(sides),
        row("connections opened", *(count(side.opened) for side in sides)),
        row("reconnected", *(_reconnected(side) for side in sides)),
    ]
    if not run.closed_model:
        made.append(row("found no free connection", *(count(side.no_connection) for side in sides)))
    return made


def _asked_rows(sides: Sequence[TargetTotals]) -> list[tuple[str, str, str]]:
    """Return the rows in which a cache shows; none where no key was repeated."""
    first, repeated = [side.first for side in sides], [side.repeated for side in sides]
    if not any(part and part.requests for part in repeated):
        return []
    made = []
    for label, parts in (("first of a key", first), ("repeated key", repeated)):
        cells: dict[str, list[str]] = {
            "requests": [count(part.requests) if part else NOTHING for part in parts],
            "p50": [milliseconds(part.p50_ms) if part else NOTHING for part in parts],
            "p95": [milliseconds(part.p95_ms) if part else NOTHING for part in parts],
        }
        made += [(f"{label}: {name}", both[0], both[1]) for name, both in cells.items()]
    return made


def short_rows(run: Run) -> list[tuple[str, str, str]]:
    """Return the rows of the table that everybody reads."""
    return [row for row in rows(run) if row[0].startswith(IN_SHORT)]


IN_SHORT = ("verified", "failed", "throughput", "achieved", "response", "writes", "lost, doubled")
"""The beginnings of the labels of rows that say what came of the race."""


def checks(gates: list[Gate]) -> str:
    """Return how many gates passed."""
    passed = sum(gate.passed for gate in gates)
    return f"{passed} of {len(gates)} validity checks passed"


def gate_rows(gates: list[Gate]) -> list[tuple[str, str, str, str]]:
    """Return the gates: ok or FAILED, what is judged, the figure, the bound."""
    return [
        (
            "ok" if gate.passed else "FAILED",
            words_of(gate),
            figure_of(gate),
            bound_of(gate),
        )
        for gate in gates
    ]


def conditions(run: Run) -> str:
    """Return in one line what was run."""
    race: Mapping[str, object] = run.config["race"]
    load = "closed model" if run.closed_model else arrivals(race)
    pairs = "1 pair" if race["pairs"] == 1 else f"{race['pairs']} pairs"
    if race.get("stop_when_decided"):
        pairs = f"up to {pairs}"
    return (
        f"{pairs} of {race['slice']:g} s slices ({race['warmup']:g} s of each not "
        f"counted), {load}, {race['connections']} connections, keys {race['keys']}, "
        f"{_asked_for(run)}, arrival seed {run.seed}"
    )


def arrivals(race: Mapping[str, object]) -> str:
    """Return how arrivals come, by a stored configuration's section race."""
    profile = race.get("profile")
    if not profile:
        return f"{race['arrivals']} arrivals"
    if str(profile).startswith("replay:"):
        return f"arrivals as in {profile}"
    return f"{race['arrivals']} arrivals by the profile {profile}"


def _asked_for(run: Run) -> str:
    misses = _as_float(run.config["race"]["miss"])
    data = run.scenario.facts.data
    return f"misses {percent(misses)}, {data}" if misses else data


def data(run: Run) -> str:
    """Return what was raced on, how it was proven, and whether it stayed as it was."""
    facts = run.scenario.facts
    digest = f"{facts.digest_of} {facts.digest[:12]}…, " if facts.digest else ""
    state = {
        "same": "the same before the race and after it",
        "changed": "and changed when the race was over",
        "unchecked": "not checked again after the race",
    }[run.data_after]
    equal = "; answers compared with each other, not proven right" * (facts.answers == "alike")
    return f"Data: {facts.data}{equal}; {digest}{state}."


def _failed(side: TargetTotals) -> str:
    failed = side.requests - side.verified
    if not side.requests:
        return "0"
    low, high = clopper_pearson(failed, side.requests)
    share = f"{percent(side.error_rate)}; " if failed else ""
    return f"{failed:,} ({share}{low * 100:.3g} to {percent(high)})"


def _reconnected(side: TargetTotals) -> str:
    share = f" ({percent(side.reconnected / side.requests)})" if side.reconnected else ""
    return f"{side.reconnected:,}{share}"


def _dependence(found: Dependence, pairs: int) -> str:
    doubt = "the interval may be too narrow"
    if not found.merged:
        return f"Too few pairs to merge, yet {found.reason}: {doubt}."
    left = "" if found.resolved else f"; it did not help, {doubt}"
    return f"{pairs} pairs merged into {pairs - found.merged}, since {found.reason}{left}."


def _objective(side: VerdictTarget) -> str:
    state = f"{side.slo}"
    if side.low_ms is None or side.high_ms is None:
        return state
    return f"{state} ({milliseconds(side.low_ms)} to {milliseconds(side.high_ms)})"


def _effect(one: Comparison) -> tuple[str, str]:
    if one.kind == "ratio":
        unsaid = numbers.unsaid(one.low, one.high, one.pairs)
        if unsaid:
            return NOTHING, unsaid
        return numbers.ratio(one.effect), numbers.ratios(one.low, one.high)
    effect, low, high = map(numbers.points, (one.effect, one.low, one.high))
    return f"{effect} pp", f"{low} to {high} pp"


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _as_float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
