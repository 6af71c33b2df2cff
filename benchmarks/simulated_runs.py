"""Races that never ran, with a known ratio: latencies drawn request by request, many at once.

The logarithm of a latency is the sum of

- the machine, which both targets share: a linear drift over the run and a random walk;
- the target's state, which lasts: a first-order autoregression over its requests that goes on,
  unseen, while the other target has its turn;
- the request: normal noise, and now and then an exponential spike;
- and for the challenger the ratio, which may itself drift around its mean over the run.

Both targets follow one law, so that every quantile of their latencies has exactly this ratio.
Slices take turns in the order that dragstrip.run.plan gives a real race.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

from dragstrip.config.config import Config, RaceConfig, RulesConfig
from dragstrip.run.model import (
    Facts,
    Gate,
    Machine,
    Run,
    ScenarioFacts,
    Slice,
    TargetTotals,
    Versions,
)
from dragstrip.run.plan import alternate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dragstrip.config.config import Metric

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

QUANTILES: dict[Metric, float] = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
BASE_MS = 20.0
COUNTED_S = 25.0
_STARTED = datetime(2025, 1, 2, tzinfo=UTC)
_SPIKES = 0.03


@dataclass(frozen=True, slots=True)
class SimulatedScenario:
    """How latencies behave. Amplitudes are of log latency; durations are in counted slices."""

    name: str
    memory: float = 0.1
    """Time over which a target's state fades to 1/e."""
    drift: float = 0.0
    """Of the machine, from the first slice to the last."""
    walk: float = 0.0
    """Standard deviation of the machine's random step from slice to slice."""
    ratio_drift: float = 0.0
    """Of the ratio, from the first slice to the last, around its mean."""
    state: float = 0.4
    """Standard deviation of the target's state."""
    noise: float = 0.3
    """Standard deviation of a request's own noise."""
    requests: int = 250
    """In a slice."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """Experiments. `quantiles` and `latencies` are logs of ms; axis 2 is (baseline, challenger).

    Shapes: quantiles[metric] (experiments, pairs, 2); latencies (experiments, pairs, 2, requests),
    or None unless they were asked for.
    """

    quantiles: dict[Metric, Array]
    latencies: NDArray[np.float32] | None

    def log_ratios(self, metric: Metric = "p95") -> Array:
        """Return challenger over baseline, shape (experiments, pairs)."""
        values = self.quantiles[metric]
        return values[:, :, 1] - values[:, :, 0]

    def milliseconds(self, metric: Metric = "p95") -> Array:
        """Return slice quantiles in ms, shape (experiments, pairs, 2)."""
        return np.exp(self.quantiles[metric])


def simulate(
    scenario: SimulatedScenario,
    *,
    experiments: int,
    pairs: int,
    seed: int,
    ratio: float = 1.0,
    keep_latencies: bool = False,
) -> Simulated:
    """Draw `experiments` races of `pairs` pairs with this true ratio, challenger over baseline."""
    random = np.random.default_rng(seed)
    shape = (experiments, pairs, 2)
    quantiles: dict[Metric, Array] = {metric: np.empty(shape) for metric in QUANTILES}
    kept = np.empty((*shape, scenario.requests), np.float32) if keep_latencies else None
    state = _TargetState(scenario, experiments, random)
    machine = np.zeros(experiments)
    turns = _slices(experiments, pairs, seed)
    every = np.arange(experiments)
    ranks = {metric: math.ceil(q * scenario.requests) - 1 for metric, q in QUANTILES.items()}
    for number in range(2 * pairs):
        target = turns[:, number]
        time = (number + np.arange(scenario.requests) / scenario.requests) / (2 * pairs)
        machine += scenario.walk * random.standard_normal(experiments)
        logs = state.through_slice(number, target)
        logs += _request_noise(scenario, experiments, random)
        logs += machine[:, None] + scenario.drift * time
        logs += target[:, None] * (math.log(ratio) + scenario.ratio_drift * (time - 0.5))
        logs += math.log(BASE_MS)
        if kept is not None:
            kept[every, number // 2, target] = logs
        logs.partition(list(ranks.values()), axis=1)
        for metric, rank in ranks.items():
            quantiles[metric][every, number // 2, target] = logs[:, rank]
    return Simulated(quantiles, kept)


class _TargetState:
    """The targets' lasting state: standard normal, shape (experiments, 2), times its amplitude."""

    def __init__(
        self, scenario: SimulatedScenario, experiments: int, random: np.random.Generator
    ) -> None:
        self._scenario = scenario
        self._random = random
        self._value = random.standard_normal((experiments, 2))
        self._seen = np.full((experiments, 2), -1)

    def through_slice(self, number: int, target: NDArray[np.int64]) -> Array:
        """Return the state at each request of a slice, shape (experiments, requests)."""
        scenario, experiments = self._scenario, len(target)
        every = np.arange(experiments)
        fading = math.exp(-1 / (scenario.memory * scenario.requests))
        idle = number - 1 - self._seen[every, target]
        left = np.exp(-idle / scenario.memory)
        fresh = self._random.standard_normal(experiments)
        start = left * self._value[every, target] + np.sqrt(1 - left**2) * fresh
        steps = self._random.standard_normal((experiments, scenario.requests))
        steps *= math.sqrt(1 - fading**2)
        states: Array
        states, _ = lfilter([1.0], [1.0, -fading], steps, axis=1, zi=fading * start[:, None])
        self._value[every, target] = states[:, -1]
        self._seen[every, target] = number
        return scenario.state * states


def _request_noise(
    scenario: SimulatedScenario, experiments: int, random: np.random.Generator
) -> Array:
    shape = (experiments, scenario.requests)
    spikes = random.standard_exponential(shape) * (random.random(shape) < _SPIKES)
    noise: Array = scenario.noise * (random.standard_normal(shape) + 3 * spikes)
    return noise


def _slices(experiments: int, pairs: int, seed: int) -> NDArray[np.int64]:
    """Return whose turn each slice is, 0 for the baseline, shape (experiments, 2 * pairs)."""
    orders = [alternate(pairs, seed + number) for number in range(experiments)]
    return np.array([[slice_.target for slice_ in order] for order in orders])


def stored_run(
    simulated: Simulated, experiment: int, rules: RulesConfig, *, swapped: bool = False
) -> Run:
    """Return run.json as one experiment would have left it, all lookups verified and gates passed.

    `swapped` calls the baseline challenger and the challenger baseline.
    """
    names = ("old", "new")
    baseline, challenger = names[::-1] if swapped else names
    values = {metric: simulated.milliseconds(metric)[experiment] for metric in QUANTILES}
    pairs = values["p95"].shape[0]
    slices = [
        _slice(
            slice_.index, slice_.pair, slice_.position, names[slice_.target], slice_.target, values
        )
        for slice_ in alternate(pairs, 0)
    ]
    race = RaceConfig(baseline=baseline, challenger=challenger, pairs=pairs)
    return Run(
        id="simulated",
        started=_STARTED,
        ended=slices[-1].ended,
        interrupted=False,
        lab=False,
        seed=experiment,
        baseline=baseline,
        challenger=challenger,
        processes=1,
        versions=Versions(dragstrip="0", locust="0", python="0"),
        machine=Machine(system="", architecture="", processor="", cpus=1, memory_bytes=0),
        config=Config(race=race, rules=rules).model_dump(mode="json", exclude={"environment"}),
        scenario=ScenarioFacts(name="simulated", keys=1, facts=Facts(data="simulated")),
        targets={name: _totals(side, pairs, values) for side, name in enumerate(names)},
        slices=slices,
        gates=[Gate(name="complete_pairs", passed=True, figure=pairs, bound=pairs)],
    )


_LOOKUPS = 1_000
"""As many as a slice of a standard race would hold; simulated slices may hold fewer."""


def _slice(
    index: int, pair: int, position: int, name: str, side: int, values: dict[Metric, Array]
) -> Slice:
    began = _STARTED + timedelta(seconds=30 * index)
    return Slice(
        index=index,
        pair=pair,
        position=position,
        target=name,
        started=began,
        ended=began + timedelta(seconds=30),
        requests=_LOOKUPS,
        verified=_LOOKUPS,
        failed={},
        offered_per_s=_LOOKUPS / COUNTED_S,
        achieved_per_s=_LOOKUPS / COUNTED_S,
        p50_ms=values["p50"][pair, side],
        p95_ms=values["p95"][pair, side],
        p99_ms=values["p99"][pair, side],
    )


def _totals(side: int, pairs: int, values: dict[Metric, Array]) -> TargetTotals:
    middle = {metric: float(np.median(values[metric][:, side])) for metric in QUANTILES}
    return TargetTotals(
        kind="convex-http",
        url="http://127.0.0.1:1",
        requests=_LOOKUPS * pairs,
        verified=_LOOKUPS * pairs,
        failed={},
        offered_per_s=_LOOKUPS / COUNTED_S,
        achieved_per_s=_LOOKUPS / COUNTED_S,
        p50_ms=middle["p50"],
        p95_ms=middle["p95"],
        p99_ms=middle["p99"],
        error_rate=0.0,
        service_p50_ms=None,
        query_p50_ms=None,
        total_p50_ms=None,
        send_delay_p99_ms=None,
        no_connection=0,
    )
