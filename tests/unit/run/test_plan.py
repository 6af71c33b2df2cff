"""What a plan says of operations, and plans that earlier versions stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dragstrip.errors import StorageError
from dragstrip.run import plan as plans
from dragstrip.run.plan import MOST_OPERATIONS, PlannedOperation
from tests.support.recorded import OPERATIONS
from tests.support.runs import plan_of

if TYPE_CHECKING:
    from pathlib import Path


def test_a_plan_comes_back_as_stored(tmp_path: Path) -> None:
    plan = plan_of(operations=OPERATIONS)
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    assert plans.read(tmp_path / "plan.json") == plan


def test_a_plan_of_an_earlier_version_has_one_operation(tmp_path: Path) -> None:
    stored = json.loads(plan_of().model_dump_json())
    del stored["operations"]
    (tmp_path / "plan.json").write_text(json.dumps(stored))
    assert plans.read(tmp_path / "plan.json").operations == (PlannedOperation(name="lookup"),)


@pytest.mark.parametrize(
    "operations",
    [
        [],
        [{"name": ""}],
        [{"name": "lookup", "weight": 0}],
        [{"name": "lookup", "weight": float("inf")}],
        [{"name": "lookup"}, {"name": "lookup"}],
        [{"name": f"operation {n}"} for n in range(MOST_OPERATIONS + 1)],
    ],
)
def test_operations_that_cannot_be(tmp_path: Path, operations: list[dict[str, object]]) -> None:
    stored = json.loads(plan_of().model_dump_json()) | {"operations": operations}
    (tmp_path / "plan.json").write_text(json.dumps(stored))
    with pytest.raises(StorageError, match="is not a plan"):
        plans.read(tmp_path / "plan.json")
