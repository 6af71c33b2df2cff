"""Kinds of values in the configuration, each checked by itself."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from dragstrip.cleaning import clean

_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _http_url(value: str) -> str:
    value = clean(value)
    if any(one.isspace() for one in value):
        raise ValueError("must hold no space")
    parts = _split(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http:// or https:// address with a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user name, password, query or fragment")
    _require_port(parts)
    return value.rstrip("/")


def _database_url(value: SecretStr) -> SecretStr:
    url = clean(value.get_secret_value())
    if "://" in url and any(one.isspace() for one in url):
        raise ValueError("must write a space in the password as %20")
    if any(one in url.rpartition("@")[0] for one in "[]"):
        raise ValueError(
            "must have no brackets around the password; write [ and ] that are part of it as "
            "%5B and %5D"
        )
    if _BAD_PERCENT.search(url):
        raise ValueError("must write % in the password as %25")
    parts = _split(url)
    # Where a password holds one of these as it is, the rest of it would be taken for a host.
    after = parts.path + parts.fragment + ("" if "@" in parts.netloc else parts.query)
    if "@" in after or parts.fragment or parts.netloc.count("@") > 1:
        raise ValueError("must write /, ?, # and @ in the password as %2F, %3F, %23 and %40")
    hosts = parts.netloc.rpartition("@")[2]
    if parts.scheme not in {"postgres", "postgresql"} or not (hosts or "host=" in parts.query):
        raise ValueError("must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    for host in hosts.split(","):
        _require_port(_split(f"//{host}"))
    return SecretStr(url)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        # Not in the library's words, which may repeat a part of a password.
        raise ValueError("must hold brackets around an IPv6 address alone") from None


def _require_port(parts: SplitResult) -> None:
    try:
        sound = parts.port is None or parts.port > 0
    except ValueError:
        sound = False
    if not sound:
        raise ValueError("must hold a port between 1 and 65535")


def _key_distribution(value: str) -> str:
    name, _, parameter = value.partition(":")
    if name in {"uniform", "sequential", "once"} and not parameter:
        return value
    if name == "zipf" and _is_float_within(parameter, 0.0, 10.0):
        return value
    if name == "hot" and parameter.isdecimal() and int(parameter) >= 1:
        return value
    raise ValueError(
        'must be "uniform", "sequential", "once", "zipf:S" (0 < S <= 10) or "hot:N" (N >= 1)'
    )


def _is_float_within(text: str, low: float, high: float) -> bool:
    try:
        return low < float(text) <= high
    except ValueError:
        return False


def _authorities(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{path} holds no PEM certificates") from None
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    return _absolute(path)


def _absolute(path: Path) -> Path:
    # Locust's processes run in the run's folder.
    return path.absolute()


def _locales(codes: tuple[str, ...]) -> tuple[str, ...]:
    for code in codes:
        if not re.fullmatch("[a-z]{2,3}_[A-Z]{2}", code):
            raise ValueError(f'{code!r:.20} is not of the form "id_ID"')
    if len(set(codes)) < len(codes):
        raise ValueError("names a locale twice")
    return codes


Authorities = Annotated[Path, AfterValidator(_authorities)]
LocalFile = Annotated[Path, AfterValidator(_absolute)]
Url = Annotated[str, AfterValidator(_http_url)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
KeyDistribution = Annotated[str, AfterValidator(_key_distribution)]
Locales = Annotated[tuple[str, ...], AfterValidator(_locales)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
