"""Load profiles: how many requests are due by when, each kind by the same interface.

profile_text.py has their kinds, in words.

Arrivals at a rate that varies are those of a process of rate 1, put through the inverse of the
integrated rate (Çinlar, "Introduction to Stochastic Processes", 1975, section 4.7; Lewis and
Shedler, Naval Research Logistics Quarterly 26, 1979, compare it with thinning). So a profile is
nothing but its integrated rate and the inverse of that.
"""

from __future__ import annotations

import base64
import zlib
from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.config.access_log import times_us
from dragstrip.config.profile_text import parse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SINE_PARTS = 720
"""Straight pieces of a sine: none is further from it than 0.001 % of the difference of its ends."""


class LoadProfile(ABC):
    """The integrated rate of a load, and its inverse. Times are seconds, and begin at 0.

    After `period_s` and `per_period` requests it begins again; the last is due by `lasts_s`. One
    that `is_exact` leaves nothing to chance: each request is due when its number is reached.
    """

    period_s: float
    per_period: float
    lasts_s: float
    is_exact = False

    @property
    def mean_per_s(self) -> float:
        """The rate over the whole period."""
        return self.per_period / self.period_s

    def requests_by(self, time_s: Floats | float) -> Floats:
        """Return how many requests are expected before each time."""
        whole, rest = np.divmod(np.asarray(time_s, np.float64), self.period_s)
        return np.asarray(whole * self.per_period + self._by(rest), np.float64)

    def times_of(self, requests: Floats) -> Floats:
        """Return when each number of requests is reached."""
        whole, rest = np.divmod(np.asarray(requests, np.float64), self.per_period)
        return np.asarray(whole * self.period_s + self._times(rest), np.float64)

    @abstractmethod
    def _by(self, time_s: Floats) -> Floats:
        """Return how many requests are expected before times within the period."""

    @abstractmethod
    def _times(self, requests: Floats) -> Floats:
        """Return when numbers of requests within the period are reached."""

    @property
    @abstractmethod
    def highest_per_s(self) -> float:
        """The highest rate."""

    @abstractmethod
    def scaled(self, times: float) -> LoadProfile:
        """Return the same load at so many times the rates; a log is played as much faster."""


class _StraightPieces(LoadProfile):
    """Rates on straight lines between `times_s`, which begin at 0; two of a time are a jump."""

    def __init__(self, times_s: Floats, rates: Floats) -> None:
        self._times_s, self._all_rates = times_s, rates
        self.period_s = self.lasts_s = float(times_s[-1])
        self._starts_s, self._lengths_s = times_s[:-1], np.diff(times_s)
        self._rates, self._ends = rates[:-1], rates[1:]
        parts = (self._rates + self._ends) / 2 * self._lengths_s
        self._counts = np.concatenate([[0.0], np.cumsum(parts)[:-1]])
        self.per_period = float(parts.sum())

    @property
    def highest_per_s(self) -> float:
        """The highest rate."""
        return float(max(self._rates.max(), self._ends.max()))

    def scaled(self, times: float) -> LoadProfile:
        """Return the same load at so many times the rates."""
        return _StraightPieces(self._times_s, self._all_rates * times)

    def _by(self, time_s: Floats) -> Floats:
        piece = np.searchsorted(self._starts_s, time_s, side="right") - 1
        into_s = time_s - self._starts_s[piece]
        mean = self._rates[piece] + self._slope(piece) * into_s / 2
        return np.asarray(self._counts[piece] + into_s * mean, np.float64)

    def _times(self, requests: Floats) -> Floats:
        piece = np.searchsorted(self._counts, requests, side="right") - 1
        more, rate = requests - self._counts[piece], self._rates[piece]
        root = np.sqrt(np.maximum(rate**2 + 2 * self._slope(piece) * more, 0))
        # The form of the quadratic's root that loses no digits where the slope is small.
        into_s = 2 * more / np.maximum(rate + root, np.finfo(float).tiny)
        return np.asarray(self._starts_s[piece] + np.minimum(into_s, self._lengths_s[piece]))

    def _slope(self, piece: NDArray[np.int64]) -> Floats:
        length_s = self._lengths_s[piece]
        rise = self._ends[piece] - self._rates[piece]
        return np.divide(rise, length_s, out=np.zeros_like(rise), where=length_s > 0)


class _Replay(LoadProfile):
    """Requests at given times, which begin at 0 and ascend."""

    is_exact = True

    def __init__(self, times_s: Floats) -> None:
        self._at_s = times_s
        count = len(times_s)
        self.lasts_s = float(times_s[-1])
        # One gap more than there is, or the last request and the first would fall together.
        self.period_s = self.lasts_s * count / (count - 1)
        self.per_period = float(count)

    @property
    def highest_per_s(self) -> float:
        """The most requests in any second that begins with one."""
        ends = np.searchsorted(self._at_s, self._at_s + 1.0)
        return float((ends - np.arange(len(ends))).max())

    def scaled(self, times: float) -> LoadProfile:
        """Return the same log, so many times as fast."""
        return _Replay(self._at_s / times)

    def _by(self, time_s: Floats) -> Floats:
        return np.searchsorted(self._at_s, time_s, side="left").astype(np.float64)

    def _times(self, requests: Floats) -> Floats:
        return self._at_s[np.minimum(np.ceil(requests).astype(np.int64), len(self._at_s) - 1)]


def times_to_replay(text: str) -> str | None:
    """Read the log that a profile replays, and return its times as text; None where it has none.

    The text is base64 of deflated 64-bit distances in microseconds. Raises ValueError.
    """
    file = parse(text).file
    if not file:
        return None
    steps = np.diff(times_us(Path(file)), prepend=0).astype("<i8")
    return base64.b64encode(zlib.compress(steps.tobytes())).decode()


@lru_cache(maxsize=8)
def profile_of(
    text: str, slice_s: float, replayed: str | None, mean_per_s: float | None = None
) -> LoadProfile:
    """Return a profile. Its period is a slice's length where its text says none.

    With `mean_per_s` its rates are scaled to that mean, as a search does. Raises ValueError.
    """
    profile = _as_written(text, slice_s, replayed)
    times = 1.0 if mean_per_s is None else mean_per_s / profile.mean_per_s
    return profile if times == 1 else profile.scaled(times)


def _as_written(text: str, slice_s: float, replayed: str | None) -> LoadProfile:
    parsed = parse(text)
    if parsed.file:
        return _Replay(_decoded_s(replayed or "") / parsed.speed)
    period_s, rates = parsed.period_s or slice_s, np.array(parsed.rates)
    if parsed.kind == "steps":
        edges = np.linspace(0, period_s, len(rates) + 1)
        return _StraightPieces(np.repeat(edges, 2)[1:-1], np.repeat(rates, 2))
    if parsed.kind == "ramp":
        return _StraightPieces(np.array([0.0, period_s]), rates)
    if parsed.kind == "spike":
        low, high = rates
        from_s, to_s = parsed.at_s, parsed.at_s + parsed.length_s
        if to_s > period_s:
            raise ValueError(f"its spike ends at {to_s:g} s, after its period of {period_s:g} s")
        times_s = np.array([0.0, from_s, from_s, to_s, to_s, period_s])
        return _StraightPieces(times_s, np.array([low, low, high, high, low, low]))
    low, high = rates
    turns = np.linspace(0, 1, _SINE_PARTS + 1)
    wave = low + (high - low) * (1 - np.cos(2 * np.pi * turns)) / 2
    return _StraightPieces(turns * period_s, wave)


def _decoded_s(text: str) -> Floats:
    try:
        steps = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), "<i8")
    except (ValueError, zlib.error) as error:
        raise ValueError(f"not the times of a log: {error}") from None
    if len(steps) < 2 or steps.min() < 0 or not steps.any():
        raise ValueError("not the times of a log")
    return np.cumsum(steps) / 1e6
