"""What a race will send, and where to: said before it is sent to machines other than this one."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dragstrip.errors import ConfigError
from dragstrip.scenario import targets_of

if TYPE_CHECKING:
    from dragstrip.config.config import Config


def remote_hosts(config: Config) -> list[str]:
    """Return the hosts of a race's targets that are not this machine.

    Raises ConfigError for one that does not resolve.
    """
    hosts: dict[str, bool] = {}
    for name, target in targets_of(config).items():
        host = urlsplit(target.url).hostname or ""
        try:
            hosts[host] = _is_loopback(host)
        except (OSError, UnicodeError):
            raise ConfigError(
                f"targets.{name}.url: the host {host} does not resolve to an address",
                fix="correct the host",
            ) from None
    return [host for host, is_loopback in hosts.items() if not is_loopback]


def requests(config: Config) -> str:
    """Say how many requests a race sends to each target."""
    race = config.race
    seconds = race.slice * race.pairs
    if race.closed_model:
        return f"as many requests as {race.connections} connections carry in {seconds:,.0f} s"
    idle = race.trickle_per_s * seconds
    return f"about {race.rate * seconds + idle:,.0f} requests"


def cost(config: Config) -> str:
    """Say how long a race takes, and how many requests it sends to both targets together."""
    race = config.race
    seconds = 2 * race.pairs * race.slice
    minutes = seconds / 60
    long = f"{minutes:,.0f} minute{'s' * (round(minutes) != 1)}"
    time = long if minutes >= 2 else f"{seconds:,.0f} seconds"
    many = f"about {race.rate * seconds:,.0f} requests"
    if race.closed_model:
        many = f"as many requests as {race.connections} connections carry"
    return f"{race.pairs:,} pairs of {race.slice:g} s: {time}, {many}"


def _is_loopback(host: str) -> bool:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return all(ip_address(str(one[4][0]).partition("%")[0]).is_loopback for one in found)
