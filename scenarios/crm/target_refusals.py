"""What a target answers in place of the contract's answer, in words that say whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.errors import BackendError
from dragstrip.redact import excerpt
from dragstrip.scenario.target import address_of
from seeding.stores.refusals import TARGETS, refusal_of

if TYPE_CHECKING:
    from dragstrip.load.http.untimed import UntimedAnswer
    from seeding.stores.refusals import Refusal


def known_refusal(answer: UntimedAnswer) -> Refusal | None:
    """Return the row of docs/refusals.md that an answer is of."""
    return refusal_of((TARGETS,), f"{answer.status_words}: {excerpt(answer.text)}")


def refusal_error(answer: UntimedAnswer) -> BackendError:
    """Return what is raised for an answer that is not the contract's."""
    target, said = answer.target, f"{answer.status_words}: {excerpt(answer.text)}"
    known = known_refusal(answer)
    if known:
        return known.error(f"target {target.name}", target.url, said, ADDRESS=address_of(target))
    return BackendError(
        f"target {target.name} at {target.url} answered {said}",
        fix=f"correct {address_of(target)} if this is another service; otherwise see its log",
    )
