"""The options of `dragstrip race` that describe an endpoint, and what becomes of them.

They become fields of [scenario] for the scenario `endpoint`, as dragstrip.toml may have them.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from dragstrip.cli.options import option_group
from dragstrip.config import config as configuration
from dragstrip.config.target_pair import ENDPOINT, chosen_scenario, is_described, target_pair
from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dragstrip.config.config import Config
    from dragstrip.config.presets import Preset

_options = option_group(
    click.option("--data", metavar="FILE", help="CSV, TSV or JSON lines; fills each {column}."),
    click.option(
        "--header",
        multiple=True,
        metavar="'NAME: VALUE'",
        help="May be repeated; a VALUE may be env:NAME or file:PATH, or hold a {column}.",
    ),
    click.option("--method", metavar="NAME", help="HTTP method; by default GET."),
    click.option(
        "--body", metavar="TEXT", help="The request's body, or @FILE; each {column} is filled."
    ),
    click.option(
        "--content-type", metavar="TYPE", help="Content type of --body; JSON is recognised."
    ),
    click.option(
        "--expect-status",
        multiple=True,
        type=click.IntRange(100, 599),
        metavar="N",
        help="Status of a right answer; may be repeated; by default any 2xx.",
    ),
    click.option(
        "--expect-header",
        multiple=True,
        metavar="'NAME: VALUE'",
        help="Header of a right answer; may be repeated; without VALUE, it need only be there.",
    ),
    click.option(
        "--expect-contains",
        multiple=True,
        metavar="TEXT",
        help="Text that the body of a right answer holds; may be repeated.",
    ),
    click.option(
        "--expect-schema", metavar="FILE", help="JSON Schema under which a right answer is valid."
    ),
    click.option(
        "--expect-column",
        metavar="NAME",
        help="Column of --data that a right answer equals, whole or at --expect-at.",
    ),
    click.option(
        "--expect-at", metavar="JSONPATH", help="Where in the answer --expect-column stands."
    ),
    click.option("--same-answers", is_flag=True, help="Both targets must answer alike."),
    click.option(
        "--ignore",
        multiple=True,
        metavar="JSONPATH",
        help="Field that may differ with --same-answers; may be repeated.",
    ),
    click.option("--curl", metavar="FILE", help="A copied curl command to send to both targets."),
    click.option(
        "--vegeta", metavar="FILE", help="A vegeta targets file; each target is an operation."
    ),
    click.option("--openapi", metavar="FILE", help="An OpenAPI document, with --operation."),
    click.option("--operation", metavar="ID", help="The operationId in the document."),
    click.option("--dry-run", is_flag=True, help="Show the requests and send nothing."),
    click.option(
        "--once", is_flag=True, help="Send one request to each target, and compare the answers."
    ),
    click.option("--yes", is_flag=True, help="Do not ask before load goes to other machines."),
    click.option(
        "--keep-failures", is_flag=True, help="Keep three examples of each reason of failure."
    ),
)


@dataclass(frozen=True)
class EndpointOptions:
    """What the command line says of an endpoint."""

    data: str | None
    header: tuple[str, ...]
    method: str | None
    body: str | None
    content_type: str | None
    expect_status: tuple[int, ...]
    expect_header: tuple[str, ...]
    expect_contains: tuple[str, ...]
    expect_schema: str | None
    expect_column: str | None
    expect_at: str | None
    same_answers: bool
    ignore: tuple[str, ...]
    curl: str | None
    vegeta: str | None
    openapi: str | None
    operation: str | None
    dry_run: bool
    once: bool
    yes: bool
    keep_failures: bool

    def sections(
        self, targets: Sequence[str], document: Mapping[str, Any], scenario: str | None
    ) -> dict[str, dict[str, Any]]:
        """Return the sections scenario, targets and race that the command line stands for.

        `document` is the configuration file's. Two addresses without a scenario are endpoints.
        Raises UsageError.
        """
        section = configuration.section_of(document, "scenario")
        chosen = chosen_scenario(targets, scenario, section)
        if chosen != ENDPOINT:
            self._require_none(chosen)
            return {"scenario": {"name": scenario}, **target_pair(targets)}
        own = self._fields(section)
        is_whole = not is_described(section, own)
        return {"scenario": {"name": ENDPOINT, **own}, **target_pair(targets, whole=is_whole)}

    def _fields(self, section: dict[str, Any]) -> dict[str, Any]:
        expect = {
            "status": list(self.expect_status),
            "header": dict(_header(line, "--expect-header") for line in self.expect_header),
            "contains": list(self.expect_contains),
            "schema": self.expect_schema,
            "column": self.expect_column,
            "at": self.expect_at,
            "same": self.same_answers,
            "ignore": list(self.ignore),
        }
        given = {name: value for name, value in expect.items() if value}
        expect = {**section.get("expect", {}), **given}
        own_headers = dict(_header(line, "--header") for line in self.header)
        headers = {**section.get("headers", {}), **own_headers}
        return {
            "data": self.data,
            "method": self.method and self.method.upper(),
            "body": self.body,
            "content_type": self.content_type,
            "headers": headers or None,
            "expect": expect or None,
            "curl": self.curl,
            "vegeta": self.vegeta,
            "openapi": self.openapi,
            "operation": self.operation,
            "keep_failures": self.keep_failures or None,
        }

    def _require_none(self, scenario: str | None) -> None:
        given = [one.name for one in fields(self) if getattr(self, one.name)]
        given = [name for name in given if name not in {"dry_run", "once", "yes"}]
        if given:
            flag = "--" + given[0].replace("_", "-")
            raise UsageError(
                f"{flag} is for the scenario {ENDPOINT}, but the race is of {scenario or 'lookup'}",
                fix="name two addresses, or give --scenario endpoint",
            )


def endpoint_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options, and hand them to a command as `endpoint`."""
    names = [one.name for one in fields(EndpointOptions)]

    @functools.wraps(command)
    def gathered(*args: Any, **kwargs: Any) -> int:
        options = EndpointOptions(**{name: kwargs.pop(name) for name in names})
        return command(*args, endpoint=options, **kwargs)

    return _options(gathered)


def default_preset(
    preset: Preset | None,
    given: dict[str, Any],
    sections: dict[str, dict[str, Any]],
    document: Mapping[str, Any],
) -> Preset | None:
    """Return the preset: the quick one for two addresses of which nothing else is said."""
    race = configuration.section_of(document, "race")
    is_pair = "targets" in sections and sections["scenario"]["name"] == ENDPOINT
    if preset or not is_pair or any(given[name] or name in race for name in ("pairs", "slice")):
        return preset
    return "quick"


def settled(
    config: Config, rate: float | None, document: Mapping[str, Any], options: EndpointOptions
) -> Config:
    """Return an endpoint's configuration, bound, with a rate: if none was chosen, the lowest.

    That is the lowest that a verdict needs. Load goes to other machines only with consent. Raises
    UsageError.
    """
    from dragstrip.race import prechecks, setup
    from dragstrip.scenario.planned import planned

    if config.scenario.name != ENDPOINT:
        return config
    config, scenario = setup.bind(config)
    race = config.race
    shape = f"race: {race.pairs} pairs of {race.slice:g} s slices"
    if rate is None and not {"rate", "profile"} & configuration.section_of(document, "race").keys():
        lowest = prechecks.lowest_rate(config, planned(scenario))
        race = race.model_copy(update={"rate": lowest})
        config = config.model_copy(update={"race": race})
        shape += (
            f", {race.rate:g} requests/s: the lowest rate for a verdict on the "
            f"{config.rules.metric} (--rate, --preset)"
        )
    click.echo(shape, err=True)
    if not options.yes:
        from dragstrip.race import outlook

        require_consent(config, f"race sends {outlook.requests(config)}")
    return config


def rehearse(config: Config, options: EndpointOptions) -> int | None:
    """Do what --dry-run or --once asks for; return the exit code, None to go on with the race.

    Raises DragstripError.
    """
    from dragstrip.race import rehearsal

    if options.dry_run and options.once:
        raise UsageError("--dry-run and --once exclude each other", fix="give one of them")
    if options.dry_run:
        click.echo(rehearsal.shown_requests(config))
        return 0
    if options.once:
        answers = rehearsal.send_once(config)
        click.echo(answers.text)
        return 0 if answers.alike else 1
    return None


def require_consent(config: Config, what: str) -> None:
    """Ask before load goes to other machines: "race sends ..." says how much.

    Raises UsageError where nobody can answer, and click.Abort.
    """
    from dragstrip.race import outlook

    hosts = outlook.remote_hosts(config)
    if not hosts:
        return
    what += f" to each target, at {' and '.join(hosts)}"
    if not sys.stdin.isatty():
        raise UsageError(
            f"the {what}; load for other machines needs consent",
            fix="give --yes if you may put load on " + ("them" if len(hosts) > 1 else "it"),
        )
    if not click.confirm(f"The {what}. Go on?", err=True):
        raise click.Abort


def _header(line: str, flag: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        # Not quoted: a secret may stand in it.
        raise UsageError(f"{flag}: it must be written as 'Name: value'", fix="add the colon")
    return name.strip(), value.strip()
