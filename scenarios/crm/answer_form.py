"""The form that the contract gives an answer with status 200; docs/openapi.yaml says the same."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Contact(_Form):
    name: str | None
    kapso_name: str | None
    lead_status: Literal["new", "cold", "warm", "hot", "converted", "lost"]
    lead_score: Annotated[int, Field(ge=0, le=100)]
    tags: list[str]
    is_returning: bool
    first_contact_date: int


class _Message(_Form):
    content: str
    direction: Literal["inbound", "outbound"]
    created_at: int


class _Known(_Form):
    found: Literal[True]
    contact: _Contact
    notes: Annotated[list[str], Field(max_length=5)]
    last_interaction: int | None
    recent_messages: Annotated[list[_Message], Field(max_length=10)]


class _Unknown(_Form):
    found: Literal[False]
    contact: None
    notes: Annotated[list[str], Field(max_length=0)]
    last_interaction: None
    recent_messages: Annotated[list[_Message], Field(max_length=0)]


def problem_of(document: object) -> str | None:
    """Return the first place where an answer is not of the form, and why; never its values."""
    is_known = isinstance(document, dict) and document.get("found") is True
    try:
        (_Known if is_known else _Unknown).model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        return f"{_path(first['loc']) or 'the whole'}: {first['msg'].lower()}"
    return None


def _path(parts: tuple[int | str, ...]) -> str:
    path = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in parts)
    return path.removeprefix(".")
