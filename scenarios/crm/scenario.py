"""What the CRM's scenarios share: the headers that a target asks for beside the contract's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.config import header_values
from dragstrip.config.headers import reference_in
from dragstrip.errors import ConfigError
from dragstrip.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Collection


class CrmScenario(Scenario):
    """Sends `targets.NAME.headers` and `auth` with every request, as a protected preview asks."""

    target_fields = ("headers", "auth")

    def validate(self) -> None:
        """Check the targets' own headers. Raises ConfigError."""
        for name, target in self.config.targets.items():
            for header, value in target.own_headers.items():
                if "{" in value and not reference_in(value):
                    raise ConfigError(
                        f"targets.{name}.headers: scenario {self.name} has no column to fill "
                        f"{header} from",
                        fix="write the value, or env:NAME or file:PATH where it is secret",
                    )

    def variables(self) -> dict[str, str]:
        """Return the environment variables that headers refer to. Raises ConfigError."""
        return header_values.variables(one.own_headers for one in self.config.targets.values())

    def secret_headers(self) -> Collection[str]:
        """Return the headers whose values stand in the environment or in a file."""
        return {
            name.lower()
            for target in self.config.targets.values()
            for name, value in target.own_headers.items()
            if reference_in(value)
        }
