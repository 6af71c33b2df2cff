"""The looks at a race under way: at each, the load waits to hear whether it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.rule_checks import rules_of
from dragstrip.analysis.stopping import is_decided
from dragstrip.run.model import MadeLook
from dragstrip.run.next_slice import Announcement, announce

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.live.follow import State
    from dragstrip.run.model import Run
    from dragstrip.run.plan import Plan


class Looks:
    """Looks at a race when its time has come, and tells the load whether the race is decided."""

    def __init__(self, plan: Plan, facts: Run, folder: Path, say: Callable[[str], None]) -> None:
        self.made: list[MadeLook] = []
        self._plan = plan
        self._facts = facts
        self._rules = rules_of(facts)
        self._folder = folder
        self._say = say
        self._due = list(plan.look_pairs)

    def take(self, state: State) -> None:
        """Look, if the pairs for it are over. Raises OSError."""
        if not self._due or state.slices_done < 2 * self._due[0]:
            return
        pairs = self._due.pop(0)
        so_far = {"targets": state.totals, "slices": state.slices, "gates": state.gates}
        ends = is_decided(self._facts.model_copy(update=so_far), self._rules)
        self.made.append(MadeLook(pairs=pairs, ends=ends))
        self._due = [] if ends else self._due
        following = None if ends else self._plan.slices[2 * pairs]
        announce(self._folder, Announcement(index=2 * pairs, slice=following))
        word = "decided" if ends else "not decided yet"
        self._say(f"race: {word} after {pairs} of {self._plan.pairs} pairs")
