"""A worker from elsewhere proves itself, before it counts as ready, by one request to each target.

The preflight was sent from the master's machine, with the master's keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.client import SendFailed

if TYPE_CHECKING:
    from dragstrip.load.context import Work
    from dragstrip.scenario import Operation, Target

_ATTEMPTS = 3
_REFUSALS = {401, 403}


def problem_of(work: Work) -> str | None:
    """Return why this process cannot make a share of the load; None where every target answers it.

    Only what reads is asked: a scenario without such an operation is not tried.
    """
    operation = next((one for one in work.scenario.operations if one.method in _READING), None)
    if operation is None:
        return None
    found = (_problem(work, target, operation) for target in work.targets.values())
    return next(filter(None, found), None)


_READING = {"GET", "HEAD"}


def _problem(work: Work, target: Target, operation: Operation) -> str | None:
    check = work.scenario.check(target, operation)
    problem = ""
    for _ in range(_ATTEMPTS):
        connection = work.new_client(target.name)
        try:
            reply = connection.send(work.scenario.request(target, operation, 0))
        except SendFailed as failed:
            problem = f"cannot reach target {target.name} at {target.url}: {failed}"
            continue
        finally:
            connection.close()
        outcome = Outcome(check(0, reply))
        if outcome is Outcome.OK:
            return None
        if reply.status in _REFUSALS:
            return (
                f"target {target.name} refuses its credentials (HTTP {reply.status}); set the same "
                "keys here as at the master"
            )
        problem = f"target {target.name} answers it wrongly: {outcome.reason(reply.status)}"
    return problem
