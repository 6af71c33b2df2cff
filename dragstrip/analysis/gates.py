"""The gates: the conditions under which a run proves anything. Failing one makes it invalid.

One entry of GATES is all there is to a gate: what it judges, how its figure is computed, its bound
and its fix. No other module singles out a gate by its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dragstrip.analysis.numbers import short
from dragstrip.analysis.outages import words as outage_words
from dragstrip.run.model import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.analysis.evidence import Evidence
    from dragstrip.config.config import Metric
    from dragstrip.run.model import Generator, Run, TargetTotals, Writes

SAMPLES_NEEDED: dict[Metric, int] = {"p50": 6, "p95": 59, "p99": 299}
"""Answers without which a quantile has no two-sided 95 % interval free of assumptions."""

MOST_LAG_MS = 25.0
"""Two quiet cores that also carry the lab stay well below this; an overrun machine does not.

Lateness adds to the response times of both sides and so draws the ratio towards 1.
"""
MOST_LAG_SHARE = 0.1
"""Of the slower target's quantile: then lateness cannot move the ratio by more than that."""


@dataclass(frozen=True, slots=True)
class GateRule:
    """One gate. Its figure must be at least, or at most, its bound; None: it does not apply.

    `about_speed` marks what a lower rate or a faster machine can change. `of_slice` is the same
    figure in one slice, where there is one. `details` says more of a failure, in place of the
    figure, where the run knows more. `is_safety` marks those that a target fails, however the race
    went: then the verdict is not that the run proves nothing, but that this target is unsafe.
    `counted` names what was counted, and is stored with the gate.
    """

    name: str
    words: str
    figure: Callable[[Evidence], float | None]
    bound: float | Callable[[Evidence], float]
    fix: str | Callable[[Gate], str]
    side: Literal["least", "most"] = "most"
    unit: Literal["", "%", "ms"] = ""
    about_speed: bool = False
    is_safety: bool = False
    of_slice: Callable[[Generator], float | None] | None = None
    details: Callable[[Gate, Run], str | None] | None = None
    counted: Callable[[Evidence], str] | None = None

    def judge(self, evidence: Evidence) -> Gate | None:
        """Return what the evidence says; None where the gate does not apply."""
        figure = self.figure(evidence)
        if figure is None:
            return None
        bound = self.bound(evidence) if callable(self.bound) else self.bound
        passed = figure >= bound if self.side == "least" else figure <= bound
        details = self.counted(evidence) if self.counted and not passed else None
        return Gate(name=self.name, passed=passed, figure=figure, bound=bound, details=details)

    def say(self, value: float) -> str:
        """Return a figure or bound with the gate's unit."""
        return short(value, self.unit)


def gates(evidence: Evidence) -> list[Gate]:
    """Judge a run by every gate that applies; none is left out because another failed."""
    judged = (rule.judge(evidence) for rule in GATES)
    return [gate for gate in judged if gate is not None]


def failed_gates(run: Run) -> list[Gate]:
    """Return the gates that a run fails."""
    return [gate for gate in run.gates if not gate.passed]


def words_of(gate: Gate) -> str:
    """Return what a gate judges; of a stored gate that is no longer known, its name."""
    rule = _KNOWN.get(gate.name)
    return rule.words if rule else gate.name


def fix_of(gate: Gate) -> str | None:
    """Return what to do when a gate fails."""
    rule = _KNOWN.get(gate.name)
    fix = rule.fix if rule else None
    return fix(gate) if callable(fix) else fix


def figure_of(gate: Gate) -> str:
    """Return the figure with its unit."""
    rule = _KNOWN.get(gate.name)
    return rule.say(gate.figure) if rule else short(gate.figure)


def bound_of(gate: Gate) -> str:
    """Return the bound in words, with its unit."""
    rule = _KNOWN.get(gate.name)
    if rule:
        return f"at {rule.side} {rule.say(gate.bound)}"
    is_least = gate.figure > gate.bound if gate.passed else gate.figure < gate.bound
    return f"at {'least' if is_least else 'most'} {short(gate.bound)}"


def details_of(gate: Gate, run: Run) -> str | None:
    """Return what the run knows of a gate's failure beyond its figure."""
    if gate.details or gate.passed:
        return gate.details
    rule = _KNOWN.get(gate.name)
    return rule.details(gate, run) if rule and rule.details else None


def says(gate: Gate) -> str:
    """Return what a gate judges, its figure and its bound."""
    return f"{words_of(gate)}: {figure_of(gate)}, must be {bound_of(gate)}"


def is_about_speed(gate: Gate) -> bool:
    """Whether a lower rate or a faster machine can change the gate's figure."""
    rule = _KNOWN.get(gate.name)
    return rule is not None and rule.about_speed


def is_safety(gate: Gate) -> bool:
    """Whether failing the gate makes a target unsafe."""
    rule = _KNOWN.get(gate.name)
    return rule is not None and rule.is_safety


def _worst_writes(of: Callable[[Writes], int]) -> Callable[[Evidence], float | None]:
    # Only a scenario that writes has accounts.
    return lambda evidence: max(map(of, evidence.writes.values()), default=None)


def _named(account: str, words: str) -> Callable[[Gate, Run], str]:
    """Return what says of each target that fails a gate how often it does."""

    def details(_: Gate, run: Run) -> str:
        said = []
        for name, one in run.writes.items():
            if count := getattr(one, account):
                examples = one.examples.get(account)
                first = f" (first: {examples[0]})" if examples else ""
                said.append(f"{name} {words.format(count, one)}{first}")
        return "; ".join(said)

    return details


def _open_model(figure: Callable[[Evidence], float]) -> Callable[[Evidence], float | None]:
    # A closed model schedules no request, so that none can be late or find no connection.
    return lambda evidence: None if evidence.closed_model else figure(evidence)


def _complete_pairs(evidence: Evidence) -> float:
    pairs = evidence.pairs
    return pairs.complete - (evidence.interrupted and pairs.complete == pairs.planned)


def _changed_data(evidence: Evidence) -> float | None:
    # Unchecked data is not a gate: that only happens to runs that fail complete_pairs, or that a
    # caller made without backends.
    if evidence.data_after == "unchecked":
        return None
    return int(evidence.data_after == "changed")


def _fewest_verified(total: TargetTotals) -> int:
    """Return what the operation with the fewest has: one that never works must not go unnoticed."""
    return min((part.verified for part in total.operations.values()), default=total.verified)


def _achieved(total: TargetTotals) -> float:
    return total.achieved_per_s / total.offered_per_s if total.offered_per_s else 0.0


def _share(count: int, total: TargetTotals) -> float:
    return count / total.requests if total.requests else 0.0


def _most_lag_ms(evidence: Evidence) -> float:
    totals = evidence.decisive_totals
    slower = max((total.quantile_ms(evidence.metric) or 0.0 for total in totals), default=0.0)
    return max(MOST_LAG_MS, MOST_LAG_SHARE * slower)


def _wrong_answers(evidence: Evidence) -> float | None:
    # Where the answer is known before the race, a wrong one says that the data is not what it was.
    # Where a check decides, it is a failure like any other.
    return None if evidence.answers == "checked" else evidence.witness.wrong_answers


def _unlike_before(gate: Gate, run: Run) -> str | None:
    if run.scenario.facts.answers != "alike":
        return None
    return (
        f"{figure_of(gate)} answers differ from what both targets gave before the race, must be "
        f"{bound_of(gate)}; live data may change, and then a race proves nothing"
    )


def _interrupted(gate: Gate, run: Run) -> str | None:
    return f"the race was interrupted; {says(gate)}" if run.interrupted else None


def _refused_workers(evidence: Evidence) -> str:
    names = list(evidence.totals)
    return "; ".join(
        f"{names[one.target]} refused worker {one.worker} alone, {one.refusals:,} times (401 or "
        "403)"
        for one in evidence.witness.refused_workers or ()
    )


def _outages(evidence: Evidence) -> str:
    return "; ".join(map(outage_words, evidence.outages or ()))


def _count(found: Sequence[object] | None) -> int | None:
    return None if found is None else len(found)


_LIMITS = {
    "out_of_files": "raise `ulimit -n`, or lower race.connections",
    "out_of_ports": "lower race.connections, or widen net.ipv4.ip_local_port_range",
    "out_of_memory": "free memory, or lower race.connections",
    "name_server": "correct /etc/resolv.conf, or name targets by address",
}


def _own_limits(evidence: Evidence) -> str:
    counts = [f"{count:,} {reason}" for reason, count in evidence.witness.own_limits.items()]
    return f"requests that failed by a limit of this machine: {', '.join(counts)}"


def _raise_limits(gate: Gate) -> str:
    met = [reason for reason in _LIMITS if reason in (gate.details or "")]
    if len(met) == 1:
        return _LIMITS[met[0]]
    return "; ".join(f"{reason}: {_LIMITS[reason]}" for reason in met or _LIMITS)


_STOP_OTHER_WORK = "stop other work on this machine, lower --rate, or use --processes"

GATES: tuple[GateRule, ...] = (
    GateRule(
        name="complete_pairs",
        words="pairs of slices that ran to the end",
        figure=_complete_pairs,
        bound=lambda evidence: evidence.pairs.planned,
        side="least",
        fix="let the race run to its end",
        details=_interrupted,
    ),
    GateRule(
        name="voided_pairs",
        words="pairs voided, for example by a lost worker",
        figure=lambda evidence: evidence.pairs.voided,
        bound=0,
        fix="see void in slices.jsonl and locust.log, then race again",
    ),
    GateRule(
        name="lost_workers",
        words="generator processes lost during the race",
        figure=lambda evidence: evidence.witness.lost_workers,
        bound=0,
        fix="see locust.log, then race again",
    ),
    GateRule(
        name="lost_rows",
        words="requests missing from the final counts",
        figure=lambda evidence: evidence.witness.lost_rows,
        bound=0,
        fix="race again; if it happens again, report it with the run's folder",
    ),
    GateRule(
        name="changed_data",
        words="changes to the data during the race",
        figure=_changed_data,
        bound=0,
        fix="let nothing else write to the backends during a race, and keep them up until it is "
        "over; `dragstrip seed` restores seeded data",
        details=lambda _, run: run.data_difference,
    ),
    GateRule(
        name="own_limits",
        words="failures by a limit of this machine",
        figure=lambda evidence: sum(evidence.witness.own_limits.values()),
        bound=0,
        fix=_raise_limits,
        counted=_own_limits,
    ),
    GateRule(
        name="lost_writes",
        words="acknowledged writes that are not stored",
        figure=_worst_writes(lambda one: one.lost),
        bound=0,
        fix="let the target store a message before it acknowledges it",
        is_safety=True,
        details=_named("lost", "lost {0:,} of {1.acknowledged:,} acknowledged messages"),
    ),
    GateRule(
        name="duplicate_writes",
        words="writes that are stored more than once",
        figure=_worst_writes(lambda one: one.duplicated),
        bound=0,
        fix="let the target know a message by its id, in the transaction that stores it",
        is_safety=True,
        details=_named("duplicated", "stored {0:,} messages more than once"),
    ),
    GateRule(
        name="stale_reads",
        words="reads that miss an acknowledged write for longer than rules.consistency allows",
        figure=_worst_writes(lambda one: one.hidden),
        bound=0,
        fix="let the target read what it has acknowledged, or allow for more in rules.consistency",
        is_safety=True,
        details=_named(
            "hidden",
            "hid acknowledged messages from {0:,} of {1.reads:,} lookups, for up to "
            "{1.stable_ms:,.0f} ms",
        ),
    ),
    GateRule(
        name="foreign_writes",
        words="stored writes of this run that were never sent",
        figure=_worst_writes(lambda one: one.unexpected),
        bound=0,
        fix="let nothing else write to the backends during a race",
        details=_named("unexpected", "holds {0:,} messages that were never sent"),
    ),
    GateRule(
        name="refused_workers",
        words="workers whose credentials alone were refused",
        figure=lambda evidence: _count(evidence.witness.refused_workers),
        bound=0,
        fix="give that worker the keys that the others have, then race again",
        counted=_refused_workers,
    ),
    GateRule(
        name="outages",
        words="outages of a second or more",
        figure=lambda evidence: _count(evidence.outages),
        bound=0,
        fix='find out what happened, then race again; with rules.outages = "count", failures of a '
        "target's outage count like any other",
        counted=_outages,
    ),
    GateRule(
        name="verified",
        words="verified requests of each target",
        figure=lambda evidence: evidence.least(_fewest_verified),
        bound=1,
        side="least",
        fix="look at the failures by reason",
    ),
    GateRule(
        name="wrong_answers",
        words="answers that differ from the data",
        figure=_wrong_answers,
        bound=0,
        fix="run `dragstrip verify`; it names the first difference",
        details=_unlike_before,
    ),
    GateRule(
        name="samples_per_slice",
        words="requests in the smallest slice",
        figure=lambda evidence: min(
            (part.requests for part in evidence.decisive_slices), default=0
        ),
        bound=lambda evidence: SAMPLES_NEEDED[evidence.metric],
        side="least",
        fix="raise --rate or --slice, or choose a lower quantile in rules.metric",
    ),
    GateRule(
        name="achieved_rate",
        words="requests sent before the end of their slice",
        figure=_open_model(lambda evidence: evidence.least(_achieved)),
        bound=0.95,
        side="least",
        unit="%",
        fix="lower --rate, or raise race.connections when the targets can answer more",
        about_speed=True,
    ),
    # Above, the p99 may describe the wait for one of our connections and not the target.
    GateRule(
        name="no_connection",
        words="requests due while every connection was busy",
        figure=_open_model(
            lambda evidence: evidence.worst(lambda one: _share(one.no_connection, one)),
        ),
        bound=0.01,
        unit="%",
        fix="raise race.connections, or lower --rate",
        about_speed=True,
    ),
    # Above, the p95 may describe handshakes and not requests.
    GateRule(
        name="reconnects",
        words="requests that had to replace their connection",
        figure=lambda evidence: evidence.worst(lambda one: _share(one.reconnected, one)),
        bound=0.05,
        unit="%",
        fix="let the targets keep connections open longer than a slice, or lower race.connections",
    ),
    GateRule(
        name="send_delay_p99_ms",
        words="lateness of sends, p99",
        figure=_open_model(lambda evidence: evidence.witness.send_delay_p99_ms),
        bound=_most_lag_ms,
        unit="ms",
        fix=_STOP_OTHER_WORK,
        about_speed=True,
        of_slice=lambda generator: generator.send_delay_p99_ms,
    ),
    GateRule(
        name="loop_lag_ms",
        words="lateness of the event loop, p99",
        figure=lambda evidence: evidence.witness.loop_lag_ms,
        bound=_most_lag_ms,
        unit="ms",
        fix=_STOP_OTHER_WORK,
        about_speed=True,
        of_slice=lambda generator: generator.loop_lag_p99_ms,
    ),
    GateRule(
        name="generator_cpu",
        words="CPU of the busiest generator process",
        figure=lambda evidence: evidence.witness.cpu,
        bound=0.9,
        unit="%",
        fix="lower --rate, or use --processes",
        about_speed=True,
        of_slice=lambda generator: generator.cpu,
    ),
    GateRule(
        name="throttled",
        words="time that a container's CPU limit held the generator up",
        figure=lambda evidence: evidence.witness.throttled,
        bound=0.01,
        unit="%",
        fix="raise the container's CPU limit, or lower --rate",
        about_speed=True,
    ),
    # Slewing, at most 0.5 ms a second, stays below this in any slice of three minutes. Durations
    # come from the monotonic clock, which a step leaves alone. A step gives away a machine that
    # was suspended, or records of which the times do not fit together.
    GateRule(
        name="clock_step_ms",
        words="step of the wall clock during a slice",
        figure=lambda evidence: evidence.witness.clock_step_ms,
        bound=100.0,
        unit="ms",
        fix="set the clock before the race, and keep the machine from being suspended",
    ),
)

_KNOWN = {rule.name: rule for rule in GATES}
