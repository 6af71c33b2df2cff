"""A target: a named address under test. Its kind says where the address comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragstrip.config.header_values import resolved
from dragstrip.errors import ConfigError
from dragstrip.scenario.kinds import kind_of
from dragstrip.tls import NO_FILES, TlsFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragstrip.config.config import Config


@dataclass(frozen=True, slots=True)
class Target:
    """One side of a race.

    `url` is its base address without a trailing slash; `tls_files` say whom to trust
    for https, and which certificate to present. `headers` are what the configuration adds to its
    requests, with their secrets, for a scenario to send.
    """

    name: str
    kind: str
    url: str
    tls_files: TlsFiles = NO_FILES
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def paths(self) -> Mapping[str, str]:
        """Where this kind of target answers each operation it knows."""
        return kind_of(self.kind).paths


def targets_of(config: Config) -> dict[str, Target]:
    """Return every configured target by name. Raises ConfigError for one without an address."""
    return {
        name: Target(
            name,
            target.kind,
            url_of(config, name),
            target.tls_files,
            resolved(target.own_headers, name),
        )
        for name, target in config.targets.items()
    }


def url_of(config: Config, name: str) -> str:
    """Return a target's base address, from the file or the environment. Raises ConfigError."""
    target = config.targets[name]
    variable = kind_of(target.kind, field=f"targets.{name}.kind").address_variable
    if target.url:
        return target.url
    address: str | None = getattr(config.environment, variable.lower()) if variable else None
    if address is None:
        raise ConfigError(
            f"targets.{name}.url is not set",
            fix="set it in dragstrip.toml" + (f", or set {variable}" if variable else ""),
        )
    return address


def address_of(target: Target) -> str:
    """Return the names under which a target's address is configured."""
    variable = kind_of(target.kind).address_variable
    return f"targets.{target.name}.url" + (f" or {variable}" if variable else "")
