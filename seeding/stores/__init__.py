"""The stores that a configuration needs: where seeded contacts are written and read back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError
from dragstrip.scenario.kinds import kind_of
from seeding.stores.base import MessageRange, RangeDigest, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import SecretStr

    from dragstrip.config.config import Config

__all__ = ["MessageRange", "RangeDigest", "Store", "open_stores"]


@contextlib.contextmanager
def open_stores(config: Config) -> Iterator[list[Store]]:
    """Open the store behind every target, each once; nothing is sent yet.

    Raises ConfigError naming every address and key that is missing.
    """
    if config.dataset.keys_file is not None:
        raise ConfigError(
            "dataset.keys_file is for targets that must not be seeded: their stores stay closed",
            fix="take dataset.keys_file out of the configuration if they may be seeded",
        )
    opened: list[Store] = []
    problems: list[ConfigError] = []
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys(_stores_behind(config)):
            try:
                store = _OPENERS[name](config)
            except ConfigError as error:
                problems.append(error)
            else:
                stack.callback(store.close)
                opened.append(store)
        if problems:
            raise ConfigError("; ".join(error.message for error in problems), fix=problems[0].fix)
        if not opened:
            raise ConfigError("no targets are configured", fix="add a [targets.NAME] section")
        yield opened


def _stores_behind(config: Config) -> Iterator[str]:
    for name, target in config.targets.items():
        kind = kind_of(target.kind, field=f"targets.{name}.kind")
        if kind.store is None:
            raise ConfigError(
                f'targets.{name}.kind: nothing can be seeded behind a target of kind "{kind.name}"',
                fix="name targets of the lab or of your CRM",
            )
        yield kind.store


def _open_convex(config: Config) -> Store:
    from seeding.stores.convex import ConvexStore

    environment = config.environment
    url = environment.require("convex_url")
    if environment.convex_admin_key is None and environment.seed_secret is None:
        raise ConfigError(
            "neither CONVEX_ADMIN_KEY nor SEED_SECRET is set",
            fix="set one of them; SEED_SECRET must be the same in the deployment",
        )
    return ConvexStore(
        url,
        admin_key=_reveal(environment.convex_admin_key),
        seed_secret=_reveal(environment.seed_secret),
    )


def _open_supabase(config: Config) -> Store:
    # Their imports take longer than many a command that needs no Supabase.
    environment = config.environment
    if environment.supabase_db_url is not None:
        from seeding.stores.postgres import PostgresStore

        return PostgresStore(environment.supabase_db_url.get_secret_value())
    from seeding.stores.supabase import SupabaseStore

    return SupabaseStore(
        environment.require("supabase_url"), environment.require("supabase_service_role_key")
    )


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


_OPENERS: dict[str, Callable[[Config], Store]] = {
    "convex": _open_convex,
    "supabase": _open_supabase,
}
