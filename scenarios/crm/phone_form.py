"""What a field of a keys file is instead of a phone number.

The endpoints drop all but the digits, so that a date, or a number that a spreadsheet has rounded,
would be looked up as the number of somebody else.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from ipaddress import IPv4Address

MOST_DIGITS = 20
"""E.164 has 15, and dialling prefixes some more."""

_AS_TEXT = "export the column as text"
_SPREADSHEET_ERROR = re.compile(
    r"#(REF!|N/A|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|ERROR!|FIELD!|BLOCKED!|UNKNOWN!|#+)",
    re.IGNORECASE,
)
_SCIENTIFIC = re.compile(r"[+-]?\d+([.,]\d*)?e[+-]?\d+", re.IGNORECASE)
# Behind more digits than an area code has, three are decimals, too.
_DECIMAL = re.compile(r"[+-]?(\d+[.,]\d{0,2}|\d{7,}[.,]\d+)")
_EXTENSION = re.compile(r"\d[^a-z]*(ext(ension|n)?|x|#)[ .:=#]*\d+", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})([T ].*)?")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})([T ].*)?")
_SEPARATORS = frozenset("()-./,+")


def is_spreadsheet_error(text: str) -> bool:
    """Tell whether a cell shows that a formula failed; a line of such a one is no comment."""
    return _SPREADSHEET_ERROR.match(text.strip()) is not None


def problem_of(text: str) -> tuple[str, str] | None:
    """Return why a field is not a phone number, and the fix; None for one that may be."""
    if is_spreadsheet_error(text):
        return "an error of a spreadsheet", "correct the cell, or remove the line"
    if _EXTENSION.search(text):
        return "a number with an extension", "leave the extension out"
    if any(unicodedata.category(one) == "Cc" for one in text) or ";" in text:
        return "a tab, a semicolon or the like", "set a comma between phone and workspace"
    if "@" in text:
        return "an e-mail address", "give phone numbers"
    if _SCIENTIFIC.fullmatch(text):
        return "a number in scientific notation, which lost digits", _AS_TEXT
    if _DECIMAL.fullmatch(text):
        return "a decimal number", f"{_AS_TEXT}, without the decimals"
    if _is_date(text):
        return "a date", "give phone numbers"
    if _is_address(text):
        return "an IP address", "give phone numbers"
    return _problem_of_digits(text) or _problem_of_characters(text)


def _problem_of_digits(text: str) -> tuple[str, str] | None:
    if any(one.isdigit() and not one.isascii() for one in text):
        return "digits other than 0 to 9", "write the number with 0 to 9"
    digits = sum(one.isdigit() for one in text)
    if 1 <= digits <= MOST_DIGITS:
        return None
    what = f"{digits} digits" if digits else "no digits"
    return what, f"give a phone number of at most {MOST_DIGITS} digits"


def _problem_of_characters(text: str) -> tuple[str, str] | None:
    if any(one.isalpha() for one in text):
        return "letters", "write the number with 0 to 9"
    if not all(map(_may_stand_in_a_number, text)):
        return "a character that no phone number has", "write it with digits, +, spaces and -"
    first = next(one for one in text if one.isdigit())
    if text.count("+") > 1 or "+" in text[text.index(first) :]:
        return "more than one number", "give one number a line"
    if text.startswith("-"):
        return "a negative number", _AS_TEXT
    return None


def _may_stand_in_a_number(one: str) -> bool:
    # Spaces, dashes, and marks that phones add when a number is copied.
    return one.isdigit() or one in _SEPARATORS or unicodedata.category(one) in {"Zs", "Pd", "Cf"}


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_date(text: str) -> bool:
    if found := _YEAR_FIRST.fullmatch(text):
        year, _, *rest = found.groups()[:4]
    elif found := _YEAR_LAST.fullmatch(text):
        *rest, year = (found[1], found[3], found[4])
    else:
        return False
    month, day = (int(one) for one in rest)
    return 1900 <= int(year) <= 2100 and (_is_day(year, month, day) or _is_day(year, day, month))


def _is_day(year: str, month: int, day: int) -> bool:
    try:
        date(int(year), month, day)
    except ValueError:
        return False
    return True
