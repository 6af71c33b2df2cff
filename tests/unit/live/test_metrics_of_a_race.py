"""Metrics while real races run: they grow, never shrink, and come to what run.json says."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dragstrip.ledger.live_counts import BOUNDS_S
from dragstrip.ledger.rows import Outcome
from dragstrip.live import metrics_server
from dragstrip.race import race
from dragstrip.run import live_stats
from tests.support import locust_runs
from tests.support.races import DATASET, Quiet, configure
from tests.support.setups import setup_of
from tests.support.stand_in import StandIn, response

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.config.config import Config, Metric
    from dragstrip.live.follow import State
    from dragstrip.scenario import Finding

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(port: int) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"dragstrip_{name}", tuple(sorted(labels.items()))]


def is_counter(name: str) -> bool:
    return name.endswith(("_total", "_bucket", "_count", "_sum"))


@dataclass
class Scraper(Quiet):
    """Scrapes whenever the race says how far it is."""

    port: int
    scrapes: list[Samples] = field(default_factory=list)

    def watch(self, state: State, metric: Metric) -> None:  # noqa: ARG002
        self.scrape()

    def scrape(self) -> None:
        self.scrapes.append(scrape(self.port))

    def saw_lookups_of_a_slice_under_way(self) -> bool:
        return any(
            of(one, "slice") == 0 and of(one, "active", target=name) and counted(one, name)
            for one in self.scrapes
            for name in ("old", "new")
        )


def counted(samples: Samples, target: str) -> float:
    return of(samples, "lookups_total", target=target, outcome="verified")


def raced(out: Path, config: Config, processes: int) -> tuple[race.Result, Scraper]:
    """Race in this process, and scrape once more when everything is counted."""
    options = race.Options(out=out, processes=processes, seed=7)
    setup = setup_of(config, options)
    stored = setup.store()
    assert config.race.metrics_port is not None
    watched = Scraper(config.race.metrics_port)

    def review() -> list[Finding]:
        watched.scrape()
        return []

    monitor = race.RaceMonitor(stored, watched, review=review)
    with metrics_server.serving(*stored):
        return race.perform(setup, stored, monitor, watched), watched


def broken(count: int, _body: dict[str, object]) -> bytes | None:
    return response(status=503) if count % 7 == 0 else None


@pytest.fixture(autouse=True)
def to_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let OpenTelemetry write what it would send, at the end; Locust's output goes to its log."""
    for what, exporter in (("METRICS", "console"), ("TRACES", "none"), ("LOGS", "none")):
        monkeypatch.setenv(f"OTEL_{what}_EXPORTER", exporter)


def exported(result: race.Result) -> Counter[tuple[str, bool]]:
    """Return how many lookups were exported of each target, and whether they failed."""
    log = (result.folder.path / "locust.log").read_text()
    document, _ = json.JSONDecoder().raw_decode(log[log.rindex('{\n    "resource_metrics"') :])
    return Counter(
        {
            (point["attributes"]["name"], "error.type" in point["attributes"]): point["count"]
            for resource in document["resource_metrics"]
            for scope in resource["scope_metrics"]
            for metric in scope["metrics"]
            if metric["name"] == "locust.client.duration"
            for point in metric["data"]["data_points"]
        }
    )


def recorded(result: race.Result) -> Counter[tuple[str, bool]]:
    """Return the same of the ledger."""
    names = [target.name for target in result.folder.read_plan().targets]
    return Counter(
        (names[row["target"]], bool(row["outcome"] != Outcome.OK))
        for part in result.folder.read_ledger()
        for row in part.rows
    )


@pytest.mark.parametrize(("processes", "slice_s"), [(1, 1), (2, 3)])
def test_final_metrics_are_the_stored_runs_figures(
    tmp_path: Path, processes: int, slice_s: float
) -> None:
    with ExitStack() as stack:
        old = stack.enter_context(StandIn(DATASET).serving())
        new = stack.enter_context(StandIn(DATASET, misbehave=broken).serving())
        port = int(locust_runs.free_port())
        config = configure(old, new, pairs=1, slice=slice_s, metrics_port=port, otel=processes == 1)
        result, watched = raced(tmp_path, config, processes)

    run, last = result.run, watched.scrapes[-1]
    assert not run.interrupted, result.unfinished
    for name, total in run.targets.items():
        assert of(last, "lookups_total", target=name, outcome="verified") == total.verified
        for reason, count in total.failed.items():
            assert of(last, "lookups_total", target=name, outcome=reason) == count
        times = {"target": name}
        assert of(last, "response_time_seconds_count", **times) == total.verified
        assert total.low_ms is not None
        assert total.high_ms is not None
        for bound in BOUNDS_S:
            within = of(last, "response_time_seconds_bucket", **times, le=repr(bound))
            if bound * 1000 > total.high_ms:
                assert within == total.verified
            if bound * 1000 < total.low_ms * 0.999:
                assert within == 0
        part = [one for one in run.slices if one.target == name][-1]
        assert part.p50_ms is not None
        half = of(last, "slice_response_time_seconds", target=name, quantile="0.5")
        assert half == pytest.approx(part.p50_ms / 1000)
        assert of(last, "slice_achieved_rate", target=name) == part.achieved_per_s
    assert run.targets["new"].failed["http_503"] > 0
    assert of(last, "slices_done") == of(last, "slices_planned") == 2
    assert of(last, "pairs_complete") == 1
    assert of(last, "generator_processes") == processes
    assert of(last, "slice") == -1
    for gate in run.gates:
        if gate.name not in {"lost_rows", "changed_data"}:
            assert of(last, "gate_figure", gate=gate.name) == pytest.approx(gate.figure)
            assert of(last, "gate_passed", gate=gate.name) == int(gate.passed)
    grew_only(watched.scrapes)
    assert slice_s < 3 or watched.saw_lookups_of_a_slice_under_way()
    assert live_stats.read(result.folder.path) is None
    if processes == 1:
        assert exported(result) == recorded(result)


def grew_only(scrapes: list[Samples]) -> None:
    for before, after in pairwise(scrapes):
        for (name, labels), value in before.items():
            if is_counter(name):
                assert after[name, labels] >= value, (name, labels)
