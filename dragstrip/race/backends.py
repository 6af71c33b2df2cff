"""The backends of a race: those that are configured, or the embedded lab for as long as it runs."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dragstrip.scenario import targets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.config.config import Config
    from dragstrip.scenario import Scenario


@contextmanager
def backends(
    config: Config, scenario: Scenario, say: Callable[[str], None], *, keep_lab: bool
) -> Iterator[Config]:
    """Yield the configuration with addresses; a lab started for it goes down afterwards."""
    if not config.uses_lab:
        scenario.variables()
        targets_of(config)
        yield config
        return
    from dragstrip import lab

    before = lab.status()
    was_up = before is not None and before.supervised
    owner = None if keep_lab else os.getpid()
    try:
        say("lab: " + ("in use" if was_up else "starting"))
        lab.up(reporter=say, owner_pid=owner)
        yield lab.resolve(config)
    finally:
        if not was_up and not keep_lab:
            lab.down()
