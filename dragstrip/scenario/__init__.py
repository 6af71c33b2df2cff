"""The seam between the instrument and what it measures: scenarios, targets, requests, checks."""

from dragstrip.ledger.rows import Outcome
from dragstrip.scenario.check import Check, JsonCheck, Reply, canonical, expected_json, succeeds
from dragstrip.scenario.request import Request
from dragstrip.scenario.scenario import Finding, Operation, Progress, Scenario
from dragstrip.scenario.target import Target, targets_of

__all__ = [
    "Check",
    "Finding",
    "JsonCheck",
    "Operation",
    "Outcome",
    "Progress",
    "Reply",
    "Request",
    "Scenario",
    "Target",
    "canonical",
    "expected_json",
    "succeeds",
    "targets_of",
]
