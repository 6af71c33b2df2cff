"""Every figure of a race's report, computed from its ledger by the pages that describe it.

None of the code that computes the reports is used here: rows are read by the table in
docs/ledger.md, figures follow docs/run-format.md and docs/statistics.md. From run.json comes what
was configured, from slices.jsonl what no row says: when slices ended and how the processes fared.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Rows = NDArray[Any]
    Values = NDArray[np.float64]

_ROW = np.dtype(
    [
        *(
            ("scheduled_ns", "<i8"),
            ("key", "<i8"),
            ("slice", "<i4"),
            ("target", "u1"),
            ("flags", "u1"),
        ),
        *(("connection", "<u2"), ("sent_ns", "<i8"), ("done_ns", "<i8"), ("first_byte_us", "<i4")),
        *(("query_us", "<i4"), ("total_us", "<i4"), ("bytes", "<u4"), ("status", "<u2")),
        *(("opened", "u1"), ("reconnected", "u1"), ("padding", "V3"), ("outcome", "u1")),
    ]
)
_NAMES = (
    *("empty", "in_flight", "ok", "wrong_answer", "http_status", "content_type", "not_json"),
    *("too_large", "malformed", "timeout", "first_byte_timeout", "connect_timeout", "resolve"),
    *("refused", "tls", "reset", "closed", "connection", "unsent"),
)
_OK, _UNSENT = 2, 18
_WRONG = (3, 5, 6, 7)
_COUNTED, _NO_CONNECTION, _REPEATED = 1, 2, 8
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def binned(duration_ns: float) -> float:
    """Return the middle of a duration's bin."""
    shift = max(int(duration_ns).bit_length() - 12, 0)
    return ((int(duration_ns) >> shift) << shift) + ((1 << shift) - 1) / 2


def quantile_ms(
    values_ns: Rows, q: float, failed: int = 0, *, of: Rows | None = None
) -> float | None:
    """Return a nearest-rank quantile; `failed` further values are slower than all.

    What is left of a whole, `of`, has the extremes of that.
    """
    ends = np.clip(values_ns if of is None else of, 0, None)
    ordered = np.clip(np.sort(values_ns), 0, None)
    rank = max(math.ceil(q * (len(ordered) + failed)), 1)
    if rank > len(ordered):
        return None
    exact = float(ordered[rank - 1])
    middle = min(max(binned(exact), float(ends.min())), float(ends.max()))
    # What the page promises of a bin's middle.
    assert abs(middle - exact) <= 2.5e-4 * exact
    return middle / 1e6


@dataclass(frozen=True)
class Part:
    """Some counted rows of one target, which were due within `seconds` in all."""

    rows: Rows
    on_time: Rows
    seconds: float
    whole: Part | None = None
    """What it is the rest of."""

    @cached_property
    def right(self) -> Rows:
        return np.asarray(self.rows[self.rows["outcome"] == _OK])

    @cached_property
    def first(self) -> Part:
        """Those that asked for their key first."""
        return replace(self._only(self.rows["flags"] & _REPEATED == 0), whole=self)

    @cached_property
    def repeated(self) -> Part:
        """The others."""
        return self._only(self.rows["flags"] & _REPEATED != 0)

    def _only(self, which: Rows) -> Part:
        return Part(self.rows[which], self.on_time[which], self.seconds)

    @property
    def requests(self) -> int:
        return len(self.rows)

    @property
    def verified(self) -> int:
        return len(self.right)

    @property
    def failures(self) -> int:
        return self.requests - self.verified

    @property
    def error_rate(self) -> float:
        return self.failures / self.requests if self.requests else 0.0

    @property
    def reasons(self) -> Counter[str]:
        failed = self.rows[self.rows["outcome"] != _OK]
        return Counter(
            f"http_{status}" if _NAMES[outcome] == "http_status" else _NAMES[outcome]
            for outcome, status in failed[["outcome", "status"]].tolist()
        )

    @property
    def offered_per_s(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def achieved_per_s(self) -> float:
        sent = self.on_time & (self.rows["outcome"] != _UNSENT)
        return int(sent.sum()) / self.seconds if self.seconds else 0.0

    @property
    def no_connection(self) -> int:
        return int((self.rows["flags"] & _NO_CONNECTION != 0).sum())

    @property
    def opened(self) -> int:
        return int(self.rows["opened"].sum())

    @property
    def reconnected(self) -> int:
        return int(self.rows["reconnected"].sum())

    @property
    def reconnect_rate(self) -> float:
        return self.reconnected / self.requests if self.requests else 0.0

    @property
    def send_delay_ns(self) -> Rows:
        had = (self.rows["flags"] & _NO_CONNECTION == 0) & (self.rows["outcome"] != _UNSENT)
        return np.asarray((self.rows["sent_ns"] - self.rows["scheduled_ns"])[had], np.int64)

    @property
    def slowest_ms(self) -> float | None:
        took = self.right["done_ns"] - self.right["scheduled_ns"]
        return float(took.max()) / 1e6 if len(took) else None

    def response_ms(self, q: float) -> float | None:
        whole = self.whole._response_ns if self.whole else None
        return quantile_ms(self._response_ns, q, self.failures, of=whole)

    @property
    def _response_ns(self) -> Rows:
        return np.asarray(self.right["done_ns"] - self.right["scheduled_ns"])

    def service_ms(self, q: float) -> float | None:
        return quantile_ms(self.right["done_ns"] - self.right["sent_ns"], q)

    def reported_ms(self, field: str, q: float) -> float | None:
        values = self.right[field]
        return quantile_ms(values[values != -1].astype("i8") * 1000, q)


class Recomputed:
    """A stored race, from the folder that holds it."""

    def __init__(self, folder: Path) -> None:
        self.plan = json.loads((folder / "plan.json").read_text())
        self.run = json.loads((folder / "run.json").read_text())
        self.finish = json.loads((folder / "finish.json").read_text())
        lines = (folder / "slices.jsonl").read_text().splitlines()
        self.reports = {one["index"]: one for one in map(json.loads, lines)}
        self.ledger: dict[int, Rows] = {}
        for file in sorted((folder / "ledger").glob("*.rows")):
            rows = np.fromfile(file, _ROW, offset=64)
            worker = int(file.name.partition("-")[0])
            more = rows[rows["outcome"] != 0]
            self.ledger[worker] = np.concatenate([self.ledger.get(worker, more[:0]), more])
        race = self.plan["race"]
        self.closed = race["rate"] == 0
        self.counted_s = race["slice"] - race["warmup"]
        self.metric = self.run["config"]["rules"]["metric"]

    @cached_property
    def whole_pairs(self) -> list[int]:
        """The pairs of which both slices ran to their end, in their order."""
        ended = Counter(self.planned[index]["pair"] for index in self.reports)
        return sorted(pair for pair, slices in ended.items() if slices == 2)

    @cached_property
    def voided_pairs(self) -> list[int]:
        void = {self.planned[i]["pair"] for i, report in self.reports.items() if report.get("void")}
        return [pair for pair in self.whole_pairs if pair in void]

    @cached_property
    def planned(self) -> dict[int, Any]:
        return {slice_["index"]: slice_ for slice_ in self.plan["slices"]}

    @cached_property
    def used(self) -> list[Any]:
        """The slices that count, in their order."""
        pairs = set(self.whole_pairs) - set(self.voided_pairs)
        return [slice_ for slice_ in self.plan["slices"] if slice_["pair"] in pairs]

    @property
    def pairs(self) -> int:
        return len(self.used) // 2

    @cached_property
    def slices(self) -> dict[int, Part]:
        """The slices that count by their index."""
        return {slice_["index"]: self._part([slice_]) for slice_ in self.used}

    @cached_property
    def totals(self) -> tuple[Part, Part]:
        """Baseline and challenger."""
        old, new = (self._part([t for t in self.used if t["target"] == n]) for n in (0, 1))
        return old, new

    def pairwise(self, of: Callable[[Part], float | None]) -> tuple[Values, Values]:
        """Return a value of each slice, baseline's and challenger's, by pair; NaN for none."""
        found: dict[int, list[float]] = {0: [], 1: []}
        for slice_ in sorted(self.used, key=lambda slice_: slice_["pair"]):
            value = of(self.slices[slice_["index"]])
            found[slice_["target"]].append(math.nan if value is None else value)
        return np.array(found[0]), np.array(found[1])

    def _part(self, slices: list[Any]) -> Part:
        rows, on_time = [np.zeros(0, _ROW)], [np.zeros(0, bool)]
        for slice_ in slices:
            for worker in self.reports[slice_["index"]]["workers"]:
                mine = self.ledger[worker["worker"]]
                here = (mine["slice"] == slice_["index"]) & (mine["target"] == slice_["target"])
                counted = mine[here & (mine["flags"] & _COUNTED != 0)]
                rows.append(counted)
                on_time.append(counted["sent_ns"] <= worker["end_ns"])
        return Part(np.concatenate(rows), np.concatenate(on_time), self.counted_s * len(slices))


@dataclass(frozen=True)
class RecomputedInterval:
    """A mean of some values with its 95 % interval, after merging neighbours that are alike."""

    mean: float
    deviation: float
    values: Values
    findings: list[str]
    """What spoke against independent pairs."""

    @property
    def low(self) -> float:
        return self.after(self.count)[0]

    @property
    def high(self) -> float:
        return self.after(self.count)[1]

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def p(self) -> float:
        if self.deviation == 0:
            return 1.0 if self.mean == 0 else 0.0
        return float(stats.ttest_1samp(self.values, 0.0).pvalue)

    def after(self, count: int) -> tuple[float, float]:
        """Return the interval that so many values of the same mean and scatter would have."""
        half = float(stats.t.ppf(0.975, count - 1)) * self.deviation / math.sqrt(count)
        return self.mean - half, self.mean + half

    @property
    def detectable(self) -> float:
        t = stats.t(self.count - 1)
        return math.expm1((t.ppf(0.975) + t.ppf(0.8)) * self.deviation / math.sqrt(self.count))


def interval(values: Values) -> RecomputedInterval:
    """Return the t-interval of docs/statistics.md."""
    findings = found = _dependence(values)
    while found and len(values) // 2 >= 3:
        whole = len(values) // 2 * 2
        merged = values[:whole].reshape(-1, 2).mean(axis=1)
        if whole < len(values):
            merged[-1] = values[-3:].mean()
        values = merged
        found = _dependence(values)
    deviation = float(values.std(ddof=1)) if np.ptp(values) else 0.0
    return RecomputedInterval(float(values.mean()), deviation, values, findings)


def _dependence(values: Values) -> list[str]:
    rounded = values.round(12)
    if len(values) < 4 or np.ptp(rounded) == 0:
        return []
    ranks = stats.rankdata(rounded)
    n = len(values)
    ratio = (np.diff(ranks) ** 2).sum() / ((ranks - ranks.mean()) ** 2).sum()
    a = 5 * n * (n + 1) * (n - 1) ** 2 / (2 * (n - 2) * (5 * n * n - 2 * n - 9)) - 0.5
    serial = float(stats.beta(a, a).cdf(ratio / 4))
    trend = float(stats.kendalltau(np.arange(n), rounded).pvalue)
    said = []
    if serial <= 0.1:
        said.append(f"neighbouring pairs are alike (p = {serial:.2g})")
    if trend <= 0.1:
        said.append(f"the ratio drifts (p = {trend:.2g})")
    return said


def holm(p_values: list[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given."""
    order = np.argsort(p_values)
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order.tolist()):
        highest = max(highest, min((len(p_values) - rank) * p_values[place], 1.0))
        adjusted[place] = highest
    return adjusted


def limits(failures: int, lookups: int) -> tuple[float, float]:
    """Return the Clopper-Pearson interval."""
    found = stats.binomtest(failures, lookups).proportion_ci(method="exact")
    return float(found.low), float(found.high)
