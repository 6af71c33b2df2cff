"""Locust's own OpenTelemetry, switched on for a race: what it needs, and how it is told.

Everything else about it, such as where it exports to, is for the OTEL_* variables to say:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"


def require() -> None:
    """Check that what Locust imports for it is installed. Raises UsageError."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise UsageError(
            "race.otel: OpenTelemetry's SDK is not installed",
            fix='pip install "dragstrip[otel]", or leave --otel out',
        )


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a process that exports is to find in its environment besides.

    Locust would export by gRPC unless told otherwise. gRPC knows nothing of gevent and holds up the
    event loop while it exports, and with it the requests.
    """
    return {} if environ.get(PROTOCOL) else {PROTOCOL: "http/protobuf"}
