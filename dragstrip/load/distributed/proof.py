"""A worker from elsewhere proves itself, before it counts as ready, by one request to each target.

The preflight was sent from the master's machine, with the master's keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.load.http.client import SendFailed

if TYPE_CHECKING:
    from dragstrip.load.context import Work
    from dragstrip.scenario import Operation, Target

_ATTEMPTS = 3
_READING = {"GET", "HEAD"}
_REFUSALS = {401, 403}


def problem_of(work: Work) -> str | None:
    """Return why this process cannot make a share of the load; None where every target lets it in.

    Only what reads and leaves nothing behind is asked: a scenario without such an operation is not
    tried. Whether answers are right is the preflight's to find out.
    """
    reading = (one for one in work.scenario.operations if one.method in _READING and one.repeats)
    operation = next(reading, None)
    if operation is None:
        return None
    found = (_problem(work, target, operation) for target in work.targets.values())
    return next(filter(None, found), None)


def _problem(work: Work, target: Target, operation: Operation) -> str | None:
    problem = None
    for _ in range(_ATTEMPTS):
        connection = work.new_client(target.name)
        try:
            status = connection.send(work.scenario.request(target, operation, 0)).status
        except SendFailed as failed:
            problem = f"cannot reach target {target.name} at {target.url}: {failed}"
            continue
        finally:
            connection.close()
        if status not in _REFUSALS:
            return None
        return (
            f"target {target.name} refuses its credentials (HTTP {status}); set the same keys here "
            "as at the master"
        )
    return problem
