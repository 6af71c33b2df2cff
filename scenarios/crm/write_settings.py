"""The fields of [scenario] for the scenarios that write."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import Field, ValidationError

from dragstrip.errors import ConfigError
from dragstrip.run.report_forms import first_problem
from dragstrip.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Mapping


class WriteSettings(StrictModel):
    """Of deliveries. `redeliver` is the share that Kapso sends again though it was answered.

    A failed one is retried after 10, 40 and 90 s, each times `retry`. With `keep_writes`, the run's
    messages stay where they are.
    """

    redeliver: float = Field(default=0.02, ge=0, le=1)
    retry: float = Field(default=1.0, gt=0, le=10)
    keep_writes: bool = False


class MixSettings(WriteSettings):
    """`mix` is the share of messages; with `follow`, lookups ask for whom a message was from."""

    mix: float = Field(default=0.2, gt=0, lt=1)
    follow: bool = True


S = TypeVar("S", bound=WriteSettings)


def read(form: type[S], settings: Mapping[str, object]) -> S:
    """Check the fields. Raises ConfigError."""
    try:
        return form.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(
            f"scenario.{first_problem(error)}",
            fix=f"use {', '.join(form.model_fields)}",
        ) from None
