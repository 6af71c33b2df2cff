"""The parts of benchmarks/inference.py: simulated races, judged as real ones are."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from benchmarks.capacities import Breaking, SimulatedQueues, SimulatedTargets, search_both
from benchmarks.form import Bound
from benchmarks.looked_at import looked_at
from benchmarks.simulated_runs import Array, Simulated, SimulatedScenario, simulate, stored_run
from dragstrip.analysis.ratio import Interval, interval
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RaceConfig, RulesConfig
from dragstrip.ledger.histogram import Histogram
from dragstrip.stats.bootstrap import cross_check
from dragstrip.stats.t_interval import mean_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dragstrip.run.model import Verdict, Word
    from dragstrip.stats.edge import Edge

_T = TypeVar("_T")

PAIRS = (6, 10, 20)
TRUE_RATIO = 0.8
LEAST_COVERAGE = 0.936
MOST_FALSE_ALARMS = 0.08
A_A_BATCH = 200
A_A_RUNS = 1_000
FLIP_RUNS = 40
MIRROR_RUNS = 60
BOOTSTRAPPED = 300
BINNED = 60
MOST_MOVED = 0.001
"""Each quantile is within 0.025 %, so each log ratio within 0.0005; two of these for 6 pairs."""

STEADY = SimulatedScenario("steady", memory=0.02)
HARD = SimulatedScenario("drift and autocorrelation", memory=0.2, drift=0.3, walk=0.03)
QUIET = SimulatedScenario("quiet", memory=0.02, drift=0.1, state=0.05, noise=0.05)
BOUNDED = (
    STEADY,
    SimulatedScenario("autocorrelation", memory=0.2),
    SimulatedScenario("drift", memory=0.02, drift=0.5, walk=0.05),
    HARD,
    SimulatedScenario("drifting ratio", memory=0.1, drift=0.3, ratio_drift=0.3),
)
BEYOND = SimulatedScenario("state outlives the slice", memory=1.0)
"""Has no bound: a slice must be longer than what it is to average over. Shown all the same."""


EDGES: tuple[Breaking, ...] = (
    SimulatedTargets("cliff", steepness=400.0, likeness=0.0),
    SimulatedTargets("queue", scatter=0.03, walk=0.01),
    SimulatedTargets("queue, drifting", scatter=0.03, walk=0.05),
    SimulatedQueues(),
    SimulatedTargets("noisy", scatter=0.12, steepness=15.0, likeness=20.0),
)
SEARCHES = ((10, 3.0), (20, 12.0))
"""Rounds, and counted seconds of a slice, of `dragstrip capacity` with --quick and without."""
SEARCHES_OF_EXPERIMENTS = 8
"""A search takes as long as so many races."""

LOOKS: tuple[tuple[int, int | Literal["any"], float], ...] = (
    (10, 5, 1.0),
    (20, 5, 1.0),
    (40, 3, 1.0),
    (40, 5, 1.0),
    (100, "any", 1.0),
    (20, 5, 0.5),
    (40, 5, 0.5),
    (100, "any", 0.5),
)
"""Pairs, looks, and the true ratio: where it is 1, what does not hold is a false alarm."""


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What is to be measured. `quick` keeps to the scenario that asks the most."""

    seed: int
    experiments: int
    a_a_runs: int = A_A_RUNS
    quick: bool = False

    @property
    def scenarios(self) -> tuple[SimulatedScenario, ...]:
        """The scenarios of which coverage is measured."""
        return (HARD,) if self.quick else (*BOUNDED, BEYOND)


@dataclass(slots=True)
class Results:
    """What was found, table by table, and the bounds on it."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    bounds: list[Bound] = field(default_factory=list)

    def add(self, table: str, row: dict[str, Any]) -> None:
        """Append a row to a table."""
        self.tables.setdefault(table, []).append(row)

    def bound(
        self, name: str, figure: float, low: float = -math.inf, high: float = math.inf
    ) -> None:
        """Hold a figure against its bounds."""
        if math.isfinite(low):
            self.bounds.append(Bound(name, figure, "at least", low))
        if math.isfinite(high):
            self.bounds.append(Bound(name, figure, "at most", high))


class TimeIsUp(Exception):
    """The benchmark took longer than it was given."""


def coverage(plan: SimulationPlan, results: Results) -> Iterator[None]:
    """Measure the coverage of the interval in every scenario."""
    for scenario in plan.scenarios:
        for pairs in PAIRS:
            simulated = simulate(
                scenario,
                experiments=plan.experiments,
                pairs=pairs,
                seed=plan.seed,
                ratio=TRUE_RATIO,
                keep_latencies=True,
            )
            row = _coverage_row(simulated, plan.seed)
            name = f"coverage, {scenario.name}, {pairs} pairs"
            results.add("coverage", {"scenario": scenario.name, "pairs": pairs, **row})
            if scenario in BOUNDED:
                results.bound(name, row["interval"], low=LEAST_COVERAGE)
            if scenario is HARD:
                results.bound(f"{name}, pooled requests", row["pooled"], high=0.8)
            yield


def _coverage_row(simulated: Simulated, seed: int) -> dict[str, float]:
    truth = math.log(TRUE_RATIO)
    logs, times = simulated.log_ratios(), simulated.milliseconds()
    found = [_interval(one) for one in times]
    plain = [mean_of(one).interval() for one in logs]
    checks = [cross_check(one, seed, 1_999) for one in logs[:BOOTSTRAPPED]]
    known = [check for check in checks if check]
    pooled = [_pooled(one) for one in _known(simulated.latencies).transpose(0, 2, 1, 3)]
    return {
        "interval": _share(one.low <= TRUE_RATIO <= one.high for one in found),
        "unmerged": _share(low <= truth <= high for low, high in plain),
        "bootstrap": _share(one.low <= truth <= one.high for one in known),
        "pooled": _share(low <= truth <= high for low, high in pooled),
        "merged": _share(one.pairs < logs.shape[1] for one in found),
        "disagree": _share(not one.agrees for one in known),
        "half_width": float(np.median([one.high / one.ratio - 1 for one in found])),
    }


def _interval(times_ms: Array) -> Interval:
    """Return the interval that a verdict would have; `times_ms` has shape (pairs, 2)."""
    return _known(interval(times_ms[:, 0].tolist(), times_ms[:, 1].tolist()))


def _pooled(logs: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[float, float]:
    """Return the interval as if requests were independent; `logs` has shape (2, pairs, requests).

    The variance of each side's quantile is read off its order statistics (Woodruff, 1952).
    """
    sides = np.sort(logs.reshape(2, -1), axis=1)
    count = sides.shape[1]
    reach = 1.96 * math.sqrt(count * 0.95 * 0.05)
    low, middle, high = (math.ceil(count * 0.95 + shift) - 1 for shift in (-reach, 0, reach))
    error = (sides[:, high] - sides[:, low]) / 2
    ratio, half = float(sides[1, middle] - sides[0, middle]), float(np.hypot(*error))
    return ratio - half, ratio + half


def false_alarms(plan: SimulationPlan, results: Results) -> Iterator[None]:
    """Judge equal targets by a rule that calls every difference one, in batches of A_A_BATCH.

    Whatever tells them apart under any other rule does so under this one. Where one in twenty is
    told apart, as is meant, one batch in forty exceeds the bound by chance; so it is kept over all
    batches, and the first and the worst are shown.
    """
    strict = RulesConfig(equivalent=(0.9999, 1.0001))
    for pairs in PAIRS:
        shares = []
        for batch in range(plan.a_a_runs // A_A_BATCH):
            simulated = simulate(
                HARD, experiments=A_A_BATCH, pairs=pairs, seed=plan.seed + 1 + 1000 * batch
            )
            words = [_word(simulated, number, strict) for number in range(A_A_BATCH)]
            shares.append(_share(word in {"adopt", "better", "worse"} for word in words))
            yield
        alarms = sum(shares) / len(shares)
        row = {"first_batch": shares[0], "worst_batch": max(shares), "batches": len(shares)}
        results.add("false_alarms", {"pairs": pairs, "alarms": alarms, **row})
        results.bound(f"A/A false alarms, {pairs} pairs", alarms, high=MOST_FALSE_ALARMS)


def flips(plan: SimulationPlan, results: Results) -> Iterator[None]:
    """Judge ratios four half-widths below and above each threshold, and at it."""
    rules = RulesConfig()
    low, high = rules.equivalent
    expected: list[tuple[str, float, Word, Word]] = [
        ("adopt_ratio", rules.adopt_ratio, "adopt", "better"),
        ("equivalent[0]", low, "better", "equivalent"),
        ("equivalent[1]", high, "equivalent", "worse"),
    ]
    away = 4 * _half_width(QUIET, 20, plan.seed)
    for name, threshold, below, above in expected:
        words = {
            place: _words(QUIET, threshold * math.exp(shift), rules, plan.seed + 2)
            for place, shift in (("below", -away), ("at", 0.0), ("above", away))
        }
        narrow = "equivalent" if "equivalent" in (below, above) else below
        row = {
            "below": _share(word == below for word in words["below"]),
            "above": _share(word == above for word in words["above"]),
            "claimed": _share(word == narrow for word in words["at"]),
        }
        results.add("flips", {"threshold": name, "at": threshold, **row})
        results.bound(f"{name}: {below} below", row["below"], low=1.0)
        results.bound(f"{name}: {above} above", row["above"], low=1.0)
        # 2.5 % are meant; three standard errors more of so few runs.
        results.bound(f"{name}: {narrow} claimed at it", row["claimed"], high=0.10)
        yield


def mirror(plan: SimulationPlan, results: Results) -> Iterator[None]:
    """Judge runs of many ratios with the sides as they are and swapped."""
    ratios = np.geomspace(0.5, 2.0, MIRROR_RUNS)
    reverse: dict[Word, set[Word]] = {
        "adopt": {"worse"},
        "better": {"worse"},
        "worse": {"adopt", "better"},
        "equivalent": {"equivalent"},
        "inconclusive": {"inconclusive"},
    }
    mirrored, worst = [], 0.0
    for number, ratio in enumerate(ratios):
        simulated = simulate(
            HARD, experiments=1, pairs=10, seed=plan.seed + number, ratio=float(ratio)
        )
        one, other = (
            _verdict(simulated, 0, RulesConfig(), swapped=swapped) for swapped in (False, True)
        )
        mirrored.append(other.verdict in reverse[one.verdict])
        for a, b in ((one.ratio, other.ratio), (one.low, other.high), (one.high, other.low)):
            worst = max(worst, abs(_known(a) * _known(b) - 1))
        yield
    results.add("mirror", {"runs": MIRROR_RUNS, "mirrored": _share(mirrored), "error": worst})
    results.bound("swapped sides mirror the verdict", _share(mirrored), low=1.0)
    results.bound("swapped sides mirror the interval, largest error", worst, high=1e-9)


def power(plan: SimulationPlan, results: Results) -> Iterator[None]:
    """Inject a change as large as the minimum detectable effect and see how often it is found."""
    count = plan.experiments
    for pairs in PAIRS:
        logs = simulate(STEADY, experiments=count, pairs=pairs, seed=plan.seed + 3).log_ratios()
        deviation = float(logs.std())
        effect = Interval(1, 1, 1, pairs, deviation).minimum_detectable_effect
        changed = simulate(
            STEADY, experiments=count, pairs=pairs, seed=plan.seed + 4, ratio=1 + effect
        )
        found = [_interval(one) for one in changed.milliseconds()]
        own = float(np.median([one.minimum_detectable_effect for one in found]))
        detected = _share(one.low > 1 for one in found)
        row = {"pairs": pairs, "effect": effect, "median_reported": own, "detected": detected}
        results.add("power", row)
        # Merging without need costs some of the 80 %, most where pairs are few.
        results.bound(
            f"power at the minimum detectable effect, {pairs} pairs", detected, 0.70, 0.90
        )
        yield


def resolution(plan: SimulationPlan, results: Results) -> Iterator[None]:
    """Make intervals from histograms and from the latencies themselves."""
    for pairs in PAIRS:
        simulated = simulate(
            HARD, experiments=BINNED, pairs=pairs, seed=plan.seed + 5, keep_latencies=True
        )
        apart, widths = [], []
        for latencies in _known(simulated.latencies):
            times_ns = (np.exp(latencies.astype(np.float64)) * 1e6).astype(np.int64)
            exact = np.quantile(times_ns, 0.95, axis=2, method="inverted_cdf")
            binned = np.array([[_p95_ns(part) for part in pair] for pair in times_ns])
            one, other = (mean_of(np.log(q[:, 1] / q[:, 0])) for q in (exact, binned))
            ends = zip(one.interval(), other.interval(), strict=True)
            apart.append(max(abs(a - b) for a, b in ends))
            widths.append(one.half_width())
        row = {"pairs": pairs, "moved": max(apart), "half_width": float(np.median(widths))}
        results.add("resolution", row)
        results.bound(f"ends moved by bins, {pairs} pairs", max(apart), high=MOST_MOVED)
        yield


def _p95_ns(times_ns: NDArray[np.int64]) -> float:
    histogram = Histogram()
    histogram.add(times_ns)
    return _known(histogram.quantile_ns(0.95))


def _half_width(scenario: SimulatedScenario, pairs: int, seed: int) -> float:
    logs = simulate(scenario, experiments=200, pairs=pairs, seed=seed).log_ratios()
    return float(np.median([mean_of(one).half_width() for one in logs]))


def _words(scenario: SimulatedScenario, ratio: float, rules: RulesConfig, seed: int) -> list[Word]:
    simulated = simulate(scenario, experiments=FLIP_RUNS, pairs=20, seed=seed, ratio=ratio)
    return [_word(simulated, number, rules) for number in range(FLIP_RUNS)]


def _word(simulated: Simulated, number: int, rules: RulesConfig) -> Word:
    return _verdict(simulated, number, rules).verdict


def _verdict(
    simulated: Simulated, number: int, rules: RulesConfig, *, swapped: bool = False
) -> Verdict:
    return judge(stored_run(simulated, number, rules, swapped=swapped), rules)


def _known(value: _T | None) -> _T:
    if value is None:
        raise RuntimeError("a simulated run lacks what every real one has")
    return value


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found)


def capacities(plan: SimulationPlan, results: Results) -> Iterator[None]:
    """Measure the coverage of capacities and their ratio, and how many slices a search takes."""
    for targets in (EDGES[-1],) if plan.quick else EDGES:
        for rounds, counted_s in SEARCHES:
            random = np.random.default_rng([plan.seed, rounds])
            found = [
                search_both(targets, random, rounds=rounds, counted_s=counted_s)
                for _ in range(plan.experiments // SEARCHES_OF_EXPERIMENTS)
            ]
            edges = [one for search in found for one in search.edges]
            ratios = [search.apart for search in found]
            row = {
                "capacity": _share(_holds(*one) for one in edges),
                "ratio": _share(_holds(*one) for one in ratios),
                "half_width": float(np.median([_half(one) for one, _ in edges])),
                "ratio_half_width": float(np.median([_half(one) for one, _ in ratios])),
                "slices": float(np.mean([search.slices for search in found])),
            }
            results.add("capacities", {"targets": targets.name, "rounds": rounds, **row})
            for what in ("capacity", "ratio"):
                name = f"coverage of the {what}, {targets.name}, {rounds} rounds"
                results.bound(name, row[what], low=LEAST_COVERAGE)
            yield


def _holds(found: Edge | None, truth: float) -> bool:
    return found is not None and found.low <= truth <= found.high


def _half(found: Edge | None) -> float:
    return math.inf if found is None else (math.exp(found.high - found.low) - 1) / 2


def early_ends(plan: SimulationPlan, results: Results) -> Iterator[None]:
    """Look at races as `--stop-when-decided` does, and see how often their intervals hold."""
    for pairs, looks, ratio in LOOKS:
        race = RaceConfig(pairs=pairs, stop_when_decided=True, looks=looks)
        count = plan.experiments // (10 if looks == "any" else 1)
        simulated = simulate(HARD, experiments=count, pairs=pairs, seed=plan.seed + 6, ratio=ratio)
        logs = (simulated.log_ratios(metric) for metric in ("p95", "p50", "p99"))
        found = [looked_at(one, race, ratio, others) for one, *others in zip(*logs, strict=True)]
        row = {
            "every_look": _share(one.every_holds for one in found),
            "at_the_end": _share(one.last_holds for one in found),
            "others": _share(held for one in found for held in one.others),
            "others_uncorrected": _share(held for one in found for held in one.uncorrected),
            "early": _share(one.pairs < pairs for one in found),
            "pairs_used": float(np.mean([one.pairs for one in found])),
        }
        what = {"ratio": ratio, "pairs": pairs, "looks": str(looks)}
        results.add("early_ends", {**what, **row})
        name = f"ratio {ratio:g}, {pairs} pairs, looks {looks}"
        results.bound(f"all looks hold, {name}", row["every_look"], low=LEAST_COVERAGE)
        results.bound(f"the last look holds, {name}", row["at_the_end"], low=LEAST_COVERAGE)
        results.bound(f"p50 and p99 hold, {name}", row["others"], low=LEAST_COVERAGE)
        yield


PARTS: Sequence[Callable[[SimulationPlan, Results], Iterator[None]]] = (
    coverage,
    false_alarms,
    flips,
    mirror,
    power,
    resolution,
    capacities,
    early_ends,
)


def measure(plan: SimulationPlan, limit_s: float) -> Results:
    """Run every part. Raises TimeIsUp."""
    results, started = Results(), time.monotonic()
    for part in PARTS:
        for _ in part(plan, results):
            if time.monotonic() - started > limit_s:
                raise TimeIsUp(f"{part.__name__} was not done after {limit_s:g} s")
    return results
