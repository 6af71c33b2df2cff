"""What a store may answer: JSON of another form is the backend's fault, and is named as such."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dragstrip.errors import BackendError

_Count = Annotated[int, Field(ge=0)]


class _StoreForm(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Manifest(_StoreForm):
    seed: int
    contacts: _Count
    digest: str | None
    generator: str
    state: str


class _Range(_StoreForm):
    model_config = ConfigDict(extra="forbid")

    start: _Count
    contacts: _Count
    digest: str | None


class _MessageRange(_StoreForm):
    model_config = ConfigDict(extra="forbid")

    start: _Count
    messages: _Count
    digest: str


class _State(_StoreForm):
    phone: str
    digest: str


class _StoredContact(_StoreForm):
    index: _Count
    digest: str


class _Deleted(_StoreForm):
    deleted: _Count
    more: bool = False


class _Checkpoint(_StoreForm):
    display_table_name: str


class _ImportPhase(_StoreForm):
    state: str


class _Import(_StoreForm):
    state: _ImportPhase


class _ListedImport(_Import):
    import_id: str = Field(alias="_id")
    checkpoints: list[_Checkpoint] | None = None


class _PreparedWorkspace(_StoreForm):
    id: str
    document_id: str


class _PreparedTables(_StoreForm):
    contacts: int | str
    conversations: int | str


class _Prepared(_StoreForm):
    salt: str
    tables: _PreparedTables
    workspaces: list[_PreparedWorkspace]


IMPORTS: TypeAdapter[Any] = TypeAdapter(list[_ListedImport])
IMPORT: TypeAdapter[Any] = TypeAdapter(_Import | None)
PREPARED: TypeAdapter[Any] = TypeAdapter(_Prepared)
MANIFEST: TypeAdapter[Any] = TypeAdapter(_Manifest | None)
INDEX: TypeAdapter[Any] = TypeAdapter(_Count | None)
COUNT: TypeAdapter[Any] = TypeAdapter(_Count)
DELETED: TypeAdapter[Any] = TypeAdapter(_Deleted)
RANGES: TypeAdapter[Any] = TypeAdapter(list[_Range])
CONTACTS: TypeAdapter[Any] = TypeAdapter(list[_StoredContact])
MESSAGES: TypeAdapter[Any] = TypeAdapter(list[_MessageRange])
IDS: TypeAdapter[Any] = TypeAdapter(list[str])
STATES: TypeAdapter[Any] = TypeAdapter(list[_State])
ROWS: TypeAdapter[Any] = TypeAdapter(list[dict[str, Any]])


def of_form(form: TypeAdapter[Any], answer: Any, store: str, what: str) -> Any:
    """Return the answer as it is. Raises BackendError where it has another form."""
    try:
        form.validate_python(answer, strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"])) or "the answer"
        raise BackendError(
            f"{store} answered {what} with JSON of another form: {place}: {problem['msg']}",
            fix="correct the address, or deploy this version's backends/ again",
        ) from None
    return answer
