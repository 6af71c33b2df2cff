"""The configuration: `dragstrip.toml` and the environment, checked as a whole.

Every problem found is reported at once, each with the field it stands in. Secrets come from the
environment (`CRM_API_KEY`) or from a file that the environment names (`CRM_API_KEY_FILE`).
"""

from __future__ import annotations

import difflib
import math
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from dragstrip.cleaning import clean, decode
from dragstrip.config.fields import DatabaseUrl, Url  # noqa: TC001
from dragstrip.config.sections import DatasetConfig as DatasetConfig
from dragstrip.config.sections import Metric as Metric
from dragstrip.config.sections import OutageRule as OutageRule
from dragstrip.config.sections import RaceConfig as RaceConfig
from dragstrip.config.sections import RulesConfig as RulesConfig
from dragstrip.config.sections import ScenarioConfig as ScenarioConfig
from dragstrip.config.sections import TargetConfig as TargetConfig
from dragstrip.config.text_file import content_of, text_of
from dragstrip.errors import ConfigError
from dragstrip.redact import redact, register_address, register_secret
from dragstrip.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

DEFAULT_FILE = Path("dragstrip.toml")
WRONG_FIELDS = "correct what is named"
"""The fix of an error whose message names every field that is wrong."""


# What goes into a header as it is. SEED_SECRET travels in a body.
_IN_HEADERS = frozenset({"crm_api_key", "convex_admin_key", "supabase_service_role_key"})
# Read by libraries, which may quote them.
_SECRETS_OF_OTHERS = ("PGPASSWORD", "PGSSLPASSWORD", "CONVEX_DEPLOY_KEY")


class Environment(StrictModel):
    """Addresses and secrets, in the ecosystems' own names. Secrets never show in a repr."""

    convex_url: Url | None = None
    convex_site_url: Url | None = None
    convex_admin_key: SecretStr | None = None
    supabase_url: Url | None = None
    supabase_service_role_key: SecretStr | None = None
    supabase_db_url: DatabaseUrl | None = None
    next_url: Url | None = None
    crm_api_key: SecretStr | None = None
    kapso_webhook_secret: SecretStr | None = None
    seed_secret: SecretStr | None = None
    dragstrip_lab: bool = False
    dragstrip_web_password: SecretStr | None = None
    dragstrip_worker_token: SecretStr | None = Field(default=None, min_length=16)

    @field_validator("convex_url", "convex_site_url")
    @classmethod
    def _is_not_the_other(cls, value: str | None, info: ValidationInfo) -> str | None:
        parts = urlsplit(value or "")
        is_site = info.field_name == "convex_site_url"
        other_domain = ".convex.cloud" if is_site else ".convex.site"
        # Under a path, the main address serves HTTP actions, too.
        if (parts.hostname or "").endswith(other_domain) and not parts.path:
            own, other = ("site", "cloud") if is_site else ("cloud", "site")
            raise ValueError(
                f"must be the deployment's .convex.{own} address; the one of .convex.{other} is "
                f"{'CONVEX_URL' if is_site else 'CONVEX_SITE_URL'}"
            )
        return value

    @property
    def names_an_address(self) -> bool:
        """Whether any backend's address is set."""
        return any(
            (
                self.convex_url,
                self.convex_site_url,
                self.supabase_url,
                self.supabase_db_url,
                self.next_url,
            )
        )

    def require(self, field: str) -> str:
        """Return the field's value as text, or raise ConfigError naming the variable to set."""
        value = getattr(self, field)
        if value is None:
            name = field.upper()
            raise ConfigError(f"{name} is not set", fix=f"set {name}, or start the embedded lab")
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _default_targets() -> dict[str, TargetConfig]:
    return {
        "convex": TargetConfig(kind="convex-http"),
        "supabase": TargetConfig(kind="next-supabase"),
    }


class Config(StrictModel):
    """Everything that was configured. `environment` holds what came from environment variables."""

    scenario: ScenarioConfig = ScenarioConfig()
    targets: dict[str, TargetConfig] = Field(default_factory=_default_targets)
    dataset: DatasetConfig = DatasetConfig()
    race: RaceConfig = RaceConfig()
    rules: RulesConfig = RulesConfig()
    environment: Environment = Environment()

    @property
    def uses_lab(self) -> bool:
        """True when nothing names a backend, so that the embedded lab is meant."""
        urls = any(target.url for target in self.targets.values())
        return not (urls or self.environment.names_an_address)

    def stored(self) -> dict[str, Any]:
        """Return what a run stores of it, as JSON has it: everything but the environment.

        The times of a log that is replayed stand in the plan alone.
        """
        return self.model_dump(mode="json", exclude={"environment": True, "race": {"replayed"}})

    def with_environment(self, variables: Mapping[str, str]) -> Config:
        """Return a copy whose environment comes from `variables`."""
        return self.model_copy(update={"environment": read_environment(variables)})

    @model_validator(mode="after")
    def _names_are_sound(self) -> Self:
        for name in self.targets:
            if not name.replace("-", "").replace("_", "").isalnum() or len(name) > 40:
                raise ValueError(f"targets.{name}: use letters, digits, - and _, at most 40")
        return self


def load(
    environ: Mapping[str, str],
    path: Path | None = None,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    document: Mapping[str, Any] | None = None,
) -> Config:
    """Read the configuration file and the environment.

    `path` must exist when given; otherwise ./dragstrip.toml is read if it is there, and neither
    where `document` has what it says already. `overrides` maps a section to the fields that the
    command line sets. Raises ConfigError.
    """
    document = in_file = dict(read_document(path) if document is None else document)
    _require_tables(document, path or DEFAULT_FILE)
    flags = {
        section: {key: value for key, value in fields.items() if value is not None}
        for section, fields in (overrides or {}).items()
    }
    document |= {name: {**in_file.get(name, {}), **fields} for name, fields in flags.items()}
    if "environment" in document:
        raise ConfigError("unknown section [environment]", fix="set environment variables instead")
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise _as_config_error(error, str(path or DEFAULT_FILE), flags) from None
    return config.with_environment(environ)


def with_fields(config: Config, given: Mapping[str, Mapping[str, object]]) -> Config:
    """Return a copy with other fields of its sections, as a form gives them: as text.

    Raises ConfigError.
    """
    changed: dict[str, Any] = {}
    for section, fields in given.items():
        before = getattr(config, section)
        try:
            changed[section] = type(before).model_validate(
                before.model_dump(exclude_unset=True) | dict(fields)
            )
        except ValidationError as error:
            raise _as_config_error(error, section) from None
    return config.model_copy(update=changed)


def require_race_targets(config: Config) -> tuple[str, str]:
    """Return (baseline, challenger), or raise ConfigError when one is not configured."""
    names = (config.race.baseline, config.race.challenger)
    for field, name in zip(("baseline", "challenger"), names, strict=True):
        if name not in config.targets:
            known = ", ".join(config.targets) or "none"
            raise ConfigError(
                f'race.{field}: there is no target "{name}"',
                fix=f"name one of the configured targets ({known}) or add [targets.{name}]",
            )
    if names[0] == names[1]:
        raise ConfigError(
            "race.baseline and race.challenger name the same target",
            fix="name two targets; two may have the same kind and url",
        )
    return names


def read_environment(environ: Mapping[str, str]) -> Environment:
    """Pick dragstrip's variables; an empty one counts as unset. Raises ConfigError.

    Edges are trimmed and unsound values refused here, before anything is sent, and every secret is
    known to `redact` from here on.
    """
    for name in _SECRETS_OF_OTHERS:
        register_secret(environ.get(name))
    values: dict[str, str | SecretStr] = {}
    problems: list[str] = []
    for field, kind in Environment.model_fields.items():
        is_secret = "SecretStr" in repr(kind.annotation)
        name, value = _raw(environ, field.upper())
        if is_secret:
            # Before it is looked at: a secret that is refused must not show in the refusal.
            _register(field, value)
        try:
            value = clean(value, for_header=field in _IN_HEADERS)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            continue
        if value:
            values[field] = SecretStr(value) if is_secret else value
    try:
        found = Environment.model_validate(values)
    except ValidationError as error:
        problems += [f"{str(e['loc'][0]).upper()}: {_words(e)}" for e in error.errors()]
    if problems:
        raise ConfigError("; ".join(problems), fix="correct the environment variable") from None
    return found


def _raw(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the variable that holds the value, or names the file with it, and the value."""
    if value := environ.get(name):
        return name, value
    variable = f"{name}_FILE"
    return variable, _from_file(environ.get(variable), variable)


def _register(field: str, value: str) -> None:
    if field.endswith("_url"):
        register_address(value.strip())
    else:
        register_secret(value)


def _from_file(path: str | None, variable: str) -> str:
    if not path:
        return ""
    return text_of(Path(path.strip()), variable, f"correct {variable}")


def read_document(path: Path | None) -> dict[str, Any]:
    """Return what stands in the configuration file, unchecked. Raises ConfigError."""
    source = path or DEFAULT_FILE
    try:
        return tomllib.loads(decode(content_of(source)))
    except FileNotFoundError:
        if path is None:
            return {}
        raise ConfigError(f"{path} does not exist", fix="correct --config") from None
    except OSError as error:
        raise ConfigError(f"cannot read {source}: {error.strerror}", fix="check the file") from None
    except ValueError as error:
        # Not TOML, not UTF-8, or a number of thousands of digits.
        raise ConfigError(f"{source} is not valid TOML: {error}", fix="correct the file") from None
    except RecursionError:
        raise ConfigError(f"{source} is nested too deeply", fix="correct the file") from None


def section_of(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a section of what stands in the file, unchecked; {} where it is no table."""
    section = document.get(name, {})
    return section if isinstance(section, dict) else {}


def _require_tables(document: Mapping[str, Any], source: Path) -> None:
    sections = Config.model_fields.keys() & document.keys() - {"environment"}
    for section in sorted(sections):
        value = document[section]
        if not isinstance(value, dict):
            form = "written [[...]]" if isinstance(value, list) else f"{value!r:.40}"
            raise ConfigError(
                f"{source}: {section} must be a table, and is {form}", fix=f"write [{section}]"
            )


def _as_config_error(
    error: ValidationError, source: str, flags: Mapping[str, Mapping[str, Any]] | None = None
) -> ConfigError:
    """Name every problem after where it was said: in `source`, or by flags of the command line."""
    by_source: dict[str, list[str]] = {}
    for one in error.errors():
        section, *field = one["loc"] or ("",)
        said = (flags or {}).get(str(section), {})
        of_flags = str(field[0]) in said if field else bool(said)
        problems = by_source.setdefault("command line" if of_flags else source, [])
        problems.append(": ".join(filter(None, (_place(one), _words(one)))))
    return ConfigError(
        "; ".join(f"{name}: {'; '.join(problems)}" for name, problems in by_source.items()),
        fix=WRONG_FIELDS,
    )


def _place(error: ErrorDetails) -> str:
    return ".".join(str(part) for part in error["loc"])


def _words(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown field" + _suggestion(error)
    message = error["msg"].removeprefix("Value error, ")
    value = error.get("input")
    if isinstance(value, (bool, int, float, str)) and not (
        isinstance(value, float) and math.isnan(value)
    ):
        message += _shown(value)
    return message


def _shown(value: object) -> str:
    """Return what was given, unless a part of it may be a secret: of an address, or of a token."""
    text = repr(value)
    if isinstance(value, str) and any(one in value for one in "@?#"):
        return ""
    return f" (got {redact(text)})"


_RENAMED = {"race.settle": "race.warmup", "race.users": "race.connections"}


def _suggestion(error: ErrorDetails) -> str:
    if new := _RENAMED.get(_place(error)):
        return f"; it is now {new}"
    sections: dict[str, type[BaseModel]] = {
        "scenario": ScenarioConfig,
        "targets": TargetConfig,
        "dataset": DatasetConfig,
        "race": RaceConfig,
        "rules": RulesConfig,
    }
    path = [str(part) for part in error["loc"]]
    model = sections.get(path[0]) if len(path) > 1 else None
    known = list(model.model_fields) if model else list(sections)
    close = difflib.get_close_matches(path[-1], known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"
