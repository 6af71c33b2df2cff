"""Where a request goes: kind, address, auth and payload of each path to the answer."""

from dragstrip.scenario.request import Request
from dragstrip.scenario.target import Target, targets_of

__all__ = ["Request", "Target", "targets_of"]
