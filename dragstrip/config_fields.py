"""Kinds of values in the configuration, each checked by itself."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http:// or https:// address with a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user name, password, query or fragment")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError("must hold a port between 1 and 65535") from error
    return value.rstrip("/")


def _key_distribution(value: str) -> str:
    name, _, parameter = value.partition(":")
    if name == "uniform" and not parameter:
        return value
    if name == "zipf" and _is_float_within(parameter, 0.0, 10.0):
        return value
    if name == "hot" and parameter.isdecimal() and int(parameter) >= 1:
        return value
    raise ValueError('must be "uniform", "zipf:S" (0 < S <= 10) or "hot:N" (N >= 1 keys)')


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
    # Locust's processes run in the run's folder.
    return path.absolute()


Authorities = Annotated[Path, AfterValidator(_authorities)]
Url = Annotated[str, AfterValidator(_http_url)]
KeyDistribution = Annotated[str, AfterValidator(_key_distribution)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
