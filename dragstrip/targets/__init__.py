"""Where a request goes: kind, address, auth and payload of each path to the answer."""

from dragstrip.targets.request import Request
from dragstrip.targets.target import Target, targets_of

__all__ = ["Request", "Target", "targets_of"]
