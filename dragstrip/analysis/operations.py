"""A run with several operations: which of them decides, and a run as if there were only one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dragstrip.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragstrip.run.model import OperationTotals, Run


class Weighted(Protocol):
    """What the choice depends on; of a plan or of a stored run."""

    @property
    def name(self) -> str:
        """The operation's name."""

    @property
    def weight(self) -> float:
        """Its share of the arrivals, relative to the others'."""


def decisive(operations: Sequence[Weighted], wanted: str | None) -> str | None:
    """Return the operation that the rule looks at; None for all requests together.

    `wanted` is `rules.operation`. Without it, it is the one with the greatest weight, the first of
    equals. Of a single operation, all requests are. Raises ConfigError where there is none such.
    """
    names = [operation.name for operation in operations]
    if wanted is not None and wanted not in names:
        raise ConfigError(
            f'rules.operation: the scenario has no operation "{wanted}"',
            fix=f"name one of {', '.join(names)}, or leave it out",
        )
    if len(operations) == 1:
        return None
    return wanted or max(operations, key=lambda operation: operation.weight).name


def names_of(run: Run) -> list[str]:
    """Return the names of a run's operations; empty where there is only one."""
    return [operation.name for operation in run.operations] if len(run.operations) > 1 else []


def only(run: Run, operation: str | None) -> Run:
    """Return the run with the figures of one operation in place of all; unchanged for None."""
    if operation is None:
        return run
    return run.model_copy(
        update={
            "slices": [
                part.model_copy(update=vars(part.operations[operation])) for part in run.slices
            ],
            "targets": {
                name: total.model_copy(update=vars(total.operations[operation]))
                for name, total in run.targets.items()
            },
        }
    )


def rules_operation(config: Mapping[str, Mapping[str, object]]) -> str | None:
    """Return `rules.operation` of a stored configuration; earlier versions had none."""
    wanted = config["rules"].get("operation")
    return wanted if isinstance(wanted, str) else None


class Declared(Protocol):
    """A metric, and of several operations the one that it is of."""

    @property
    def metric(self) -> str:
        """The quantile."""

    @property
    def operation(self) -> str | None:
        """The operation; None for all requests."""


def declared(what: Declared) -> str:
    """Return the name of a metric, with its operation's if of several."""
    return f"{what.operation} {what.metric}" if what.operation else what.metric


def most_failing(run: Run) -> tuple[OperationTotals, OperationTotals, str | None]:
    """Return (baseline, challenger) and the name of the operation that fails most there.

    Of a single operation, their totals and None. A failure of a rare operation would hardly show
    among all requests: no challenger wins by an operation that works while another one does not.
    """
    baseline, challenger = run.targets[run.baseline], run.targets[run.challenger]
    if not challenger.operations:
        return baseline, challenger, None
    operations = challenger.operations
    worst = max(operations, key=lambda name: operations[name].error_rate)
    return baseline.operations[worst], operations[worst], worst
