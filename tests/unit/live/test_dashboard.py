"""The dashboard asks for what is served, and the documentation names what is served."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics_text
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from dragstrip.ledger.live_counts import total
from dragstrip.live.follow import Follower
from dragstrip.live.prometheus import RaceCollector
from dragstrip.run import live_stats
from dragstrip.run.plan import SLICES_FILE
from tests.support.recorded import OPERATIONS
from tests.support.runs import conclude, plan_of, record
from tests.unit.report.test_reports import some_fail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric

ROOT = Path(__file__).parents[3]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dragstrip.json").read_text())

_METRIC = re.compile(r"\bdragstrip_\w+")
_LABELS = re.compile(r"(?:\{\{|by \()([\w, ]+)(?:\}\}|\))")
_MATCHERS = re.compile(r"\{([^}]*)\}")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every sample that a race in its middle serves, with its labels."""
    folder = tmp_path_factory.mktemp("race")
    plan = plan_of(pairs=2)
    reports = record(plan, spoil=some_fail)
    lines = b"".join(orjson.dumps(one) + b"\n" for one in reports[:3])
    (folder / SLICES_FILE).write_bytes(lines)
    live_stats.write(
        folder, {"slice": 3, "targets": {"0": {"0": total([])}}, "processes": 1, "lost": 0}
    )
    registry = CollectorRegistry()
    facts = conclude(plan, reports)[0]
    registry.register(RaceCollector(facts, Follower(folder, plan, "p95").look))
    # What Prometheus itself asks for is stricter, and says the same.
    text = openmetrics_text.generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    strict = openmetrics.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    found = names_in(text_string_to_metric_families(generate_latest(registry).decode()))
    assert names_in(strict) == found
    return found


def names_in(families: Iterable[Metric]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for family in families:
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    return dict(found)


def targets() -> Iterator[dict[str, str]]:
    for panel in DASHBOARD["panels"]:
        yield from panel.get("targets", [])


def test_every_query_asks_for_metrics_and_labels_that_are_served(
    served: dict[str, set[str]],
) -> None:
    assert len(list(targets())) > 10
    for target in targets():
        names = _METRIC.findall(target["expr"])
        assert names, target
        for name in names:
            assert name in served, target
        known = set.union(*(served[name] for name in names))
        asked = [*_LABELS.findall(target["expr"]), *_LABELS.findall(target["legendFormat"])]
        asked += [re.split("[!=]", one)[0] for one in _MATCHERS.findall(target["expr"]) if one]
        for labels in asked:
            assert {label.strip() for label in labels.split(",")} <= known, target


def test_panels_have_places_of_their_own_and_numbers() -> None:
    taken: set[tuple[int, int]] = set()
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_documentation_names_what_is_served_with_its_labels(
    served: dict[str, set[str]],
) -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `dragstrip_")]
    documented = {
        name: set(re.findall("`(\\w+)`", labels))
        for names, labels in rows
        for name in re.findall("`(\\w+)`", names)
    }
    families: dict[str, set[str]] = defaultdict(set)
    for sample, labels in served.items():
        families[re.sub("_(bucket|count|sum)$", "", sample)] |= labels - {"le"}
    assert documented == families


def test_operations_are_told_apart_by_a_label(tmp_path: Path) -> None:
    plan = plan_of(pairs=2, operations=OPERATIONS)
    reports = record(plan, spoil=some_fail)
    lines = b"".join(orjson.dumps(one) + b"\n" for one in reports)
    (tmp_path / SLICES_FILE).write_bytes(lines)
    run, _ = conclude(plan, reports)
    registry = CollectorRegistry()
    registry.register(RaceCollector(run, Follower(tmp_path, plan, "p95").look))
    for target, figures_of in run.targets.items():
        for operation, figures in figures_of.operations.items():
            place = {"target": target, "operation": operation}
            verified = registry.get_sample_value(
                "dragstrip_lookups_total", {**place, "outcome": "verified"}
            )
            assert verified == figures.verified
            count = registry.get_sample_value("dragstrip_response_time_seconds_count", place)
            assert count == figures.verified
            last = [one for one in run.slices if one.target == target][-1].operations[operation]
            offered = registry.get_sample_value("dragstrip_slice_offered_rate", place)
            assert offered == last.offered_per_s
            quantile = registry.get_sample_value(
                "dragstrip_slice_response_time_seconds", {**place, "quantile": "0.5"}
            )
            assert quantile == pytest.approx((last.p50_ms or 0) / 1000)
