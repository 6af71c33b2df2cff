"""How a number is written wherever people read one: reports, live pictures, reasons."""

from __future__ import annotations

NOTHING = "–"


def milliseconds(value: float | None) -> str:
    """Return 3 significant digits with the unit."""
    if value is None:
        return NOTHING
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f} ms"


def per_second(value: float | None) -> str:
    """Return a rate with the unit."""
    return NOTHING if value is None else f"{value:,.1f}/s"


def percent(value: float | None) -> str:
    """Return a share in per cent."""
    return NOTHING if value is None else f"{value * 100:.3g} %"


def points(value: float) -> str:
    """Return a difference of shares in percentage points, without the unit."""
    return f"{value * 100:+.3g}"


def ratio(value: float | None) -> str:
    """Return a ratio with three decimals."""
    return NOTHING if value is None else f"{value:.3f}"


LEAST_PAIRS = 3
TOO_FEW, TOO_WIDE = "after three pairs", "not known within a factor of 100"
_WIDEST = 100.0


def unsaid(low: float, high: float, pairs: int | None = None) -> str | None:
    """Return why a ratio's interval is printed nowhere; None where it says something.

    `pairs` is how many it was made from; None where it is not of pairs.
    """
    if pairs is not None and pairs < LEAST_PAIRS:
        return TOO_FEW
    return None if low > 0 and high / low < _WIDEST else TOO_WIDE


def ratios(low: float, high: float, pairs: int | None = None) -> str:
    """Return the ends of a ratio's interval, or why they are not printed."""
    return unsaid(low, high, pairs) or f"{ratio(low)} to {ratio(high)}"


def ratio_within(middle: float, low: float, high: float, pairs: int | None = None) -> str:
    """Return a ratio with its interval, or why neither is printed."""
    return unsaid(low, high, pairs) or f"{ratio(middle)} ({ratios(low, high)})"


def count(value: int) -> str:
    """Return a whole number."""
    return f"{value:,}"


def short(value: float, unit: str = "") -> str:
    """Return a figure as short as it can be; with the unit %, of a share."""
    value = value * 100 if unit == "%" else value
    digits = f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"
    return f"{digits} {unit}".rstrip()
