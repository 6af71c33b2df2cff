import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from dragstrip import schemas
from dragstrip.analysis.history import history
from dragstrip.analysis.regression import Tolerance, compare
from dragstrip.cli.main import main
from tests.support.over_time import two
from tests.support.runs import conclude, plan_of, record
from tests.support.schema_validator import validator
from tests.unit.report.test_reports import examples

SHIPPED = Path(schemas.__file__).parent


@pytest.mark.parametrize("name", list(schemas.MODELS))
def test_the_shipped_schema_is_the_models(name: str) -> None:
    shipped = json.loads((SHIPPED / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(shipped)
    assert shipped == schemas.schema_of(name), "run `python -m dragstrip.schemas`"


@pytest.mark.parametrize("name", list(schemas.MODELS))
def test_a_published_schema_names_no_file_of_the_source(name: str) -> None:
    text = schemas.text_of(name)
    assert "description" in text
    assert "dragstrip/" not in text
    assert ".py" not in text


@pytest.mark.parametrize("name", list(schemas.MODELS))
def test_the_command_prints_a_schema_with_its_version(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["schema", name])
    assert left.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    version = printed["properties"]["schema_version"]["default"]
    assert printed["$id"] == f"urn:dragstrip:{name}:{version}"


@pytest.mark.parametrize("name", list(examples()))
def test_every_example_fits_its_schema(name: str) -> None:
    run, verdict = examples()[name]
    found = history([(run, verdict)], run.baseline, "p95")
    for schema, form in (("run", run), ("verdict", verdict), ("history", found)):
        validator(schema).validate(json.loads(form.model_dump_json()))


def test_a_comparison_fits_its_schema() -> None:
    found = compare(*two(20.0, 21.0), "old", Tolerance())
    validator("comparison").validate(json.loads(found.model_dump_json()))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("schema_version", 3),
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
    assert validator("verdict").is_valid(document)
    assert not validator("verdict").is_valid(document | {place: value})
