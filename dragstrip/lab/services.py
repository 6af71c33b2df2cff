"""What the lab is made of: one description per service, in the order in which they start."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.lab import health
from dragstrip.lab.command import Command
from dragstrip.lab.node import Node
from dragstrip.lab.paths import backend, workplace
from dragstrip.lab.ports import HOST
from dragstrip.lab.postgres import SUPERUSER, Postgres
from dragstrip.lab.processes import MARK_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dragstrip.lab.paths import Home

# In the order in which they start; they stop in reverse.
NAMES = ("postgres", "supabase", "convex", "next")

# The variables that a Convex function may read.
_FUNCTION_VARIABLES = ("CRM_API_KEY", "KAPSO_WEBHOOK_SECRET", "SEED_SECRET")


@dataclass(frozen=True)
class Service:
    """One service: what must be up before it, what prepares it, what runs it, how it is."""

    name: str
    needs: tuple[str, ...]
    preparations: Callable[[], Iterator[Command]]
    command: Command
    check: Callable[[], str | None]
    fix: str
    note: str | None = None


@dataclass(frozen=True)
class LabSettings:
    """What the descriptions are made from."""

    home: Home
    ports: Mapping[str, int]
    secrets: Mapping[str, str]

    def url(self, name: str) -> str:
        """Return the address that a port is reached at."""
        return f"http://{HOST}:{self.ports[name]}"

    @property
    def database_url(self) -> str:
        """The address of the database, with the superuser's password."""
        password, port = self.secrets["POSTGRES_PASSWORD"], self.ports["postgres"]
        return f"postgresql://{SUPERUSER}:{password}@{HOST}:{port}/postgres"

    def variables(self, **own: str) -> dict[str, str]:
        """Return a service's environment: its own variables and little else.

        The user's variables stay out: they may name real backends, or change how Node runs.
        """
        kept = {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ}
        return {
            "PATH": os.pathsep.join((str(Node.find().program.parent), os.defpath)),
            "LANG": "C.UTF-8",
            # What was compiled once need not be again: every lab of this installation shares it.
            "NODE_COMPILE_CACHE": str(workplace() / ".dragstrip" / "node-cache"),
            "HOME": str(self.home.scratch),
            MARK_VARIABLE: self.home.mark,
            **kept,
            **own,
        }


def describe(settings: LabSettings) -> list[Service]:
    """Return the services in the order in which they start. Raises LabError."""
    return [_postgres(settings), _supabase(settings), _convex(settings), _next(settings)]


def environment(settings: LabSettings) -> dict[str, str]:
    """Return the addresses and keys of the lab, under the names that the ecosystems use."""
    secrets = settings.secrets
    return {
        "CONVEX_URL": settings.url("convex"),
        "CONVEX_SITE_URL": settings.url("convex-site"),
        "CONVEX_ADMIN_KEY": secrets["CONVEX_ADMIN_KEY"],
        "SUPABASE_URL": settings.url("supabase"),
        "SUPABASE_SERVICE_ROLE_KEY": secrets["SUPABASE_SERVICE_ROLE_KEY"],
        # Whatever PGSSLMODE says: it is for addresses of the user's.
        "SUPABASE_DB_URL": f"{settings.database_url}?sslmode=disable",
        "NEXT_URL": settings.url("next"),
        "CRM_API_KEY": secrets["CRM_API_KEY"],
        "KAPSO_WEBHOOK_SECRET": secrets["KAPSO_WEBHOOK_SECRET"],
        "SEED_SECRET": secrets["SEED_SECRET"],
        "DRAGSTRIP_LAB": "1",
    }


def _postgres(settings: LabSettings) -> Service:
    postgres = Postgres.place(settings.home)
    port, password = settings.ports["postgres"], settings.secrets["POSTGRES_PASSWORD"]
    variables = settings.variables()

    def preparations() -> Iterator[Command]:
        if not postgres.initialised:
            postgres.prepare_cluster(password)
            yield postgres.create_cluster(variables)
            postgres.adopt_cluster()

    return Service(
        name="postgres",
        needs=(),
        preparations=preparations,
        command=postgres.serve(port, variables),
        check=lambda: health.postgres(port, SUPERUSER, password),
        fix="if its data is damaged, `dragstrip lab down --purge` removes it",
        note=postgres.note,
    )


def _supabase(settings: LabSettings) -> Service:
    """Supabase Lite, with the configuration in backends/supabase-lab, which reads these."""
    secrets, node = settings.secrets, Node.find()
    folder = backend("supabase-lab")
    variables = settings.variables(
        NODE_ENV="production",
        SUPABASE_DB_URL=settings.database_url,
        SUPABASE_PORT=str(settings.ports["supabase"]),
        SUPABASE_PUBLISHABLE_KEY=secrets["SUPABASE_PUBLISHABLE_KEY"],
        SUPABASE_SERVICE_ROLE_KEY=secrets["SUPABASE_SERVICE_ROLE_KEY"],
    )

    def lite(*arguments: str) -> Command:
        return Command(
            argv=node.run(folder / "src" / "lite.ts", *arguments),
            cwd=folder,
            env=variables,
            log=settings.home.log("supabase"),
        )

    def preparations() -> Iterator[Command]:
        yield lite("migration", "up")

    key = {"apikey": secrets["SUPABASE_SERVICE_ROLE_KEY"]}
    path = "/rest/v1/seed_manifest?select=key&limit=1"
    return Service(
        name="supabase",
        needs=("postgres",),
        preparations=preparations,
        command=lite("start", "--no-admin"),
        check=lambda: health.http_status(settings.ports["supabase"], path, 200, key),
        fix="if a migration was changed after it ran, `dragstrip lab down --purge` starts afresh",
    )


def _convex(settings: LabSettings) -> Service:
    secrets, node = settings.secrets, Node.find()
    options = [
        f"--functions={backend('convex') / 'convex'}",
        f"--data={settings.home.data / 'convex.sqlite'}",
        f"--host={HOST}",
        f"--port={settings.ports['convex']}",
        f"--site-port={settings.ports['convex-site']}",
        *(f"--env={name}" for name in _FUNCTION_VARIABLES),
    ]
    names = ("CONVEX_ADMIN_KEY", *_FUNCTION_VARIABLES)
    return Service(
        name="convex",
        needs=(),
        preparations=lambda: iter(()),
        command=Command(
            argv=node.run(backend("convex-lab") / "src" / "main.ts", *options),
            cwd=backend("convex-lab"),
            env=settings.variables(
                NODE_ENV="production", **{name: secrets[name] for name in names}
            ),
            log=settings.home.log("convex"),
        ),
        check=lambda: health.http_status(settings.ports["convex"], "/version", 200),
        fix="if its data is damaged, `dragstrip lab down --purge` removes it",
    )


def _next(settings: LabSettings) -> Service:
    secrets, node = settings.secrets, Node.find()
    names = ("CRM_API_KEY", "KAPSO_WEBHOOK_SECRET", "SUPABASE_SERVICE_ROLE_KEY")
    folder, port = backend("next"), settings.ports["next"]
    script = folder / "node_modules" / "next" / "dist" / "bin" / "next"
    return Service(
        name="next",
        needs=(),
        preparations=lambda: iter(()),
        command=Command(
            argv=node.run(script, "start", "--hostname", HOST, "--port", str(port)),
            cwd=folder,
            env=settings.variables(
                NODE_ENV="production",
                NEXT_TELEMETRY_DISABLED="1",
                CONVEX_URL=settings.url("convex"),
                SUPABASE_URL=settings.url("supabase"),
                **{name: secrets[name] for name in names},
            ),
            log=settings.home.log("next"),
        ),
        # Refused for want of a key: the route runs and knows which key it wants.
        check=lambda: health.http_status(port, "/api/contacts/by-phone", 401),
        fix="`dragstrip lab install --force` builds it again",
    )
