import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from dragstrip import schemas
from tests.support.runs import conclude, plan_of, record

SHIPPED = Path(schemas.__file__).parent


@pytest.mark.parametrize("name", ["run", "verdict"])
def test_the_shipped_schema_is_the_models(name: str) -> None:
    shipped = json.loads((SHIPPED / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(shipped)
    assert shipped == schemas.schema_of(name), "run `python -m dragstrip.schemas`"


def test_runs_and_verdicts_fit_their_schemas() -> None:
    plan = plan_of()
    for recorded in (record(plan), record(plan, (1.0, 1.1), noise=1), []):
        run, verdict = conclude(plan, recorded)
        schemas.validator("run").validate(json.loads(run.model_dump_json()))
        schemas.validator("verdict").validate(json.loads(verdict.model_dump_json()))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("schema_version", 2),
        ("verdict", "winner"),
        ("metric", "mean"),
        ("pairs", -1),
        ("lab", None),
        ("surprise", 1),
    ],
)
def test_the_schema_refuses_what_is_not_of_the_form(place: str, value: object) -> None:
    plan = plan_of()
    document = json.loads(conclude(plan, record(plan))[1].model_dump_json())
    assert schemas.validator("verdict").is_valid(document)
    assert not schemas.validator("verdict").is_valid(document | {place: value})
