"""Plays a stored plan by one process of Locust, for a search or a soak, and stores the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from dragstrip.errors import InvalidRun
from dragstrip.race import locust_process
from dragstrip.run import live_stats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.race.setup import Setup
    from dragstrip.run.folder import RunFolder

T = TypeVar("T")


def play(
    setup: Setup,
    folder: RunFolder,
    *,
    limit_s: float,
    tick: Callable[[], None],
    store: Callable[[bool, Sequence[str]], T],
) -> T:
    """Run Locust on the folder's plan, and store what was measured, also when it ended early.

    `tick` takes in what has ended, as in locust_process.run. `store` hears whether the load ran to
    its end, and what was found wrong with the targets afterwards. Raises DragstripError.
    """
    finished, stopped = False, False
    try:
        finished = locust_process.run(
            folder,
            processes=1,
            scenario_variables=setup.scenario.variables(),
            lab=setup.config.environment.dragstrip_lab,
            limit_s=limit_s,
            tick=tick,
            handoff=setup.scenario.handoff(),
        )
    except KeyboardInterrupt:
        stopped = True
        # A slice may have ended since.
        tick()
    finally:
        live_stats.remove(folder.path)
    findings = [one.message for one in setup.review(folder) or []] if finished else []
    found = store(finished, findings)
    if stopped:
        raise KeyboardInterrupt
    if not finished:
        why = locust_process.why_unfinished(folder)
        raise InvalidRun(f"Locust ended early:\n{why}", fix="run it again")
    return found
