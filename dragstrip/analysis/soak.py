"""From a soak's windows to its verdict: the trend of each figure, and what it comes to."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import numpy as np

from dragstrip.analysis import metrics
from dragstrip.analysis.aggregate import generator_of, tally_of
from dragstrip.analysis.gates import MOST_LAG_MS, MOST_LAG_SHARE
from dragstrip.analysis.shared_facts import shared_facts
from dragstrip.analysis.soak_model import Soak, SoakFigure, SoakTarget, SoakTrend, SoakWindow
from dragstrip.ledger.rows import OF_THIS_MACHINE
from dragstrip.stats import trend as trends
from dragstrip.stats.holm import holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.analysis.soak_model import SoakWord
    from dragstrip.config.config import Metric
    from dragstrip.ledger.tally import Tally
    from dragstrip.run.model import Generator, Run
    from dragstrip.run.plan import Plan
    from dragstrip.run.slice_report import SliceReport
    from dragstrip.stats.trend import Trend

LEVEL = 0.05
LEAST_WINDOWS = trends.LEAST
MOST_VOID = 0.2
"""Of the windows: where more prove nothing, the generator is what was soaked."""
MOST_CPU = 0.9

FIGURES: tuple[SoakFigure, ...] = get_args(SoakFigure)
TIMES: tuple[SoakFigure, ...] = ("p50", "p95", "p99")
"""Their trend is a share of their median."""
_WORST: tuple[SoakWord, ...] = ("invalid", "degrades", "inconclusive", "steady")


def window_of(plan: Plan, report: SliceReport) -> SoakWindow:
    """Return what a window came to."""
    slice_ = plan.slices[report["index"]]
    tally = tally_of(report, slice_.target)
    generator = generator_of(report, tally)
    return SoakWindow(
        index=slice_.index,
        target=plan.targets[slice_.target].name,
        started=datetime.fromtimestamp(report["started"], UTC),
        ended=datetime.fromtimestamp(report["ended"], UTC),
        opened=tally.opened,
        void=report.get("void") or _void(tally, generator, plan.rules.metric),
        generator=generator,
        **metrics.figures(tally, plan.race.counted_s),
    )


def _void(tally: Tally, generator: Generator, metric: Metric) -> str | None:
    limits = [reason for reason in OF_THIS_MACHINE if tally.failed.get(reason)]
    if limits:
        return f"failures by a limit of this machine: {', '.join(limits)}"
    if (generator.cpu or 0.0) > MOST_CPU:
        return "the generator was busy"
    quantile_ms = tally.quantile_ms(metrics.QUANTILES[f"{metric}_ms"]) or 0.0
    lags = (generator.loop_lag_p99_ms or 0.0, generator.send_delay_p99_ms or 0.0)
    late = max(lags) > max(MOST_LAG_MS, MOST_LAG_SHARE * quantile_ms)
    return "the generator was late" if late else None


def conclude(
    plan: Plan,
    facts: Run,
    windows: Sequence[SoakWindow],
    findings: Sequence[str] = (),
    *,
    interrupted: bool,
) -> Soak:
    """Return what a soak came to; `facts` are of a race of the same targets and settings.

    `findings` say what was wrong with the targets afterwards.
    """
    numbers = {one.target for one in plan.slices}
    soaked = [one for number, one in enumerate(plan.targets) if number in numbers]
    found = _trends([one.name for one in soaked], windows)
    p_values = {
        f"{name} {figure}": one.p for name, own in found.items() for figure, one in own.items()
    }
    adjusted = holm(p_values)
    most_rise = plan.rules.equivalent[1] - 1
    targets = {}
    for one in soaked:
        shown = {
            figure: _shown(trend, adjusted[f"{one.name} {figure}"])
            for figure, trend in found[one.name].items()
        }
        own = [window for window in windows if window.target == one.name]
        rising = _rising(shown, plan.rules.metric)
        targets[one.name] = SoakTarget(
            kind=one.kind,
            url=one.url,
            verdict=_word(shown, rising, plan.rules.metric, own, most_rise),
            rising=rising,
            windows=sum(window.void is None for window in own),
            requests=sum(window.requests for window in own),
            verified=sum(window.verified for window in own),
            trends=shown,
        )
    verdict, reason = _verdict(targets, findings)
    return Soak(
        **shared_facts(facts),
        ended=windows[-1].ended if windows else facts.started,
        interrupted=interrupted,
        verdict=verdict,
        reason=reason,
        metric=plan.rules.metric,
        most_rise=most_rise,
        rate_per_s=plan.race.rate,
        window_s=plan.race.slice,
        warmup_s=plan.race.warmup,
        targets=targets,
        windows=list(windows),
    )


def _trends(
    names: Sequence[str], windows: Sequence[SoakWindow]
) -> dict[str, dict[SoakFigure, Trend]]:
    found: dict[str, dict[SoakFigure, Trend]] = {name: {} for name in names}
    for name in names:
        own = [one for one in windows if one.target == name and one.void is None]
        if len(own) < LEAST_WINDOWS:
            continue
        hours = [(one.started - windows[0].started).total_seconds() / 3600 for one in own]
        for figure in FIGURES:
            values = np.array([value_of(one, figure) for one in own])
            middle = float(np.median(values)) if figure in TIMES else 1.0
            if math.isfinite(middle) and middle > 0:
                found[name][figure] = trends.trend(hours, values / middle)
    return found


def value_of(one: SoakWindow, figure: SoakFigure) -> float:
    """Return a window's figure: milliseconds, or a share of the requests. Infinite: it failed."""
    requests = max(one.requests, 1)
    if figure == "errors":
        return (one.requests - one.verified) / requests
    if figure == "connections":
        return one.opened / requests
    found = one.quantile_ms(figure)
    return math.inf if found is None else found


def _shown(found: Trend, p_adjusted: float) -> SoakTrend:
    low, high = (end if math.isfinite(end) else None for end in (found.low, found.high))
    slope = found.slope if math.isfinite(found.slope) else 0.0
    return SoakTrend(
        per_hour=slope, low=low, high=high, tau=found.tau, p=found.p, p_adjusted=p_adjusted
    )


def _rising(shown: dict[SoakFigure, SoakTrend], metric: Metric) -> list[SoakFigure]:
    rising = [name for name, one in shown.items() if one.p_adjusted <= LEVEL and one.tau > 0]
    return sorted(rising, key=lambda name: (name != metric, shown[name].p))


def _word(
    shown: dict[SoakFigure, SoakTrend],
    rising: Sequence[SoakFigure],
    metric: Metric,
    own: Sequence[SoakWindow],
    most_rise: float,
) -> SoakWord:
    void = sum(one.void is not None for one in own)
    if len(own) - void < LEAST_WINDOWS or void > MOST_VOID * len(own):
        return "invalid"
    if rising:
        return "degrades"
    decisive = shown.get(metric)
    hours = (own[-1].started - own[0].started).total_seconds() / 3600
    if decisive is None or decisive.high is None or decisive.high * hours > most_rise:
        return "inconclusive"
    return "steady"


def _verdict(targets: dict[str, SoakTarget], findings: Sequence[str]) -> tuple[SoakWord, str]:
    if findings:
        return "invalid", "; ".join(findings)
    word = next(one for one in _WORST if any(each.verdict == one for each in targets.values()))
    names = " and ".join(name for name, one in targets.items() if one.verdict == word)
    reasons = {
        "invalid": f"too few windows of {names} prove anything",
        "degrades": f"figures of {names} rise",
        "inconclusive": f"the trend of {names} is not known well enough",
        "steady": "no figure rises",
    }
    return word, reasons[word]
