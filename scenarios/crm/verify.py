"""Prove that every backend holds the dataset, and that every target answers from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios.crm.answers import SAMPLE, AnswerProof, check_answers
from seeding.verify import DataProof, check_data

if TYPE_CHECKING:
    from dragstrip.config.config import Config
    from seeding.progress import Reporter


@dataclass(frozen=True, slots=True)
class Verified:
    """Both proofs: what is stored, and what is answered."""

    data: DataProof
    answers: AnswerProof


def verify(
    config: Config,
    *,
    sample: int = SAMPLE,
    full: bool = False,
    processes: int = 1,
    reporter: Reporter | None = None,
) -> Verified:
    """Compare data and answers with the dataset, and so with each other.

    Raises as `check_data` and `check_answers` do.
    """
    data = check_data(config, full=full, processes=processes, reporter=reporter)
    return Verified(data, check_answers(config, sample=sample))
