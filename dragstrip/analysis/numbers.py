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


def ratios(low: float, high: float) -> str:
    """Return the ends of a ratio's interval."""
    return f"{ratio(low)} to {ratio(high)}"


def count(value: int) -> str:
    """Return a whole number."""
    return f"{value:,}"


def short(value: float, unit: str = "") -> str:
    """Return a figure as short as it can be; with the unit %, of a share."""
    value = value * 100 if unit == "%" else value
    digits = f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"
    return f"{digits} {unit}".rstrip()
