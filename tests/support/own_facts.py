"""What a race over a keys file would say of it, without the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.run.model import ScenarioFacts
from scenarios.crm import own_numbers
from scenarios.crm.keys_file import KeysFile, Numbers
from scenarios.crm.references import CheckedKeys, References

if TYPE_CHECKING:
    from dragstrip.run.model import Run


def own_facts(keys: int, found: int, sha256: str) -> ScenarioFacts:
    """Return the facts of a file of so many numbers, of which so many are known."""
    file = KeysFile("keys.csv", sha256, Numbers(["62812"] * keys, ["w"] * keys), [])
    facts = own_numbers._facts(CheckedKeys(file, References(), found))
    return ScenarioFacts(name="lookup", keys=keys, facts=facts)


def over_own_numbers(run: Run, *, keys: int = 500, found: int = 480, sha256: str = "a" * 64) -> Run:
    """Return the run as if it had been raced over a keys file."""
    return run.model_copy(update={"scenario": own_facts(keys, found, sha256)})
