"""Bring the schemas of a database up to date.

One Alembic environment for all: `platform` first, then each service's `migrations/` folder, a version table
(`<schema>.schema_version`) each. A database that is up to date costs one query and no import of Alembic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import structlog

log = structlog.get_logger(__name__)

_ROOT = Path(__file__).parent.parent.parent
_LOCK = 0x636F6C6F  # one migrating process a database
_GUARDS = "set lock_timeout = '4s'; set statement_timeout = '5s'"


class Component(NamedTuple):
    """A schema and the folder of its steps; the schema's program connects as `colonnade_<schema>`."""

    schema: str
    folder: Path

    @property
    def head(self) -> str:
        """The newest step's revision: steps are named NNNN_slug.py and numbered without gaps."""
        return max(path.name[:4] for path in self.folder.glob("[0-9][0-9][0-9][0-9]_*.py"))


def components() -> list[Component]:
    """`platform`, then every service that keeps tables, in order of name."""
    services = sorted((_ROOT / "services").glob("*/migrations"))
    return [
        Component("platform", _ROOT / "common" / "migrations" / "platform"),
        *(Component(folder.parent.name, folder) for folder in services),
    ]


def roles() -> list[str]:
    """The roles that programs connect as."""
    return ["colonnade_console", *(f"colonnade_{c.schema}" for c in components() if c.schema != "platform")]


async def versions(connection: asyncpg.Connection) -> dict[str, str | None]:
    """The step each schema stands at; None for a schema that does not exist yet."""
    found: dict[str, str | None] = {}
    for component in components():
        table = f"{component.schema}.schema_version"
        exists = await connection.fetchval("select to_regclass($1) is not null", table)
        found[component.schema] = await connection.fetchval(f"select version_num from {table}") if exists else None  # noqa: S608
    return found


async def behind(dsn: str) -> list[Component]:
    """The components whose schema is not at its newest step."""
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        at = await versions(connection)
    finally:
        await connection.close()
    return [c for c in components() if at[c.schema] != c.head]


def _steps(component: Component, progress: Callable[[str], None], connection: Any) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(component.folder))
    config.set_main_option("version_locations", str(component.folder))
    config.set_main_option("path_separator", "newline")
    script = ScriptDirectory.from_config(config)

    def upgrade(revision: Any, _context: Any) -> Any:
        steps = script._upgrade_revs("head", revision)
        for step in steps:
            progress(f"{component.schema}: {step.revision.revision} {(step.revision.doc or '').splitlines()[0]}")
        return steps

    environment = EnvironmentContext(config, script, fn=upgrade)
    environment.configure(
        connection=connection,
        version_table="schema_version",
        version_table_schema=component.schema,
        transaction_per_migration=True,
    )
    with environment.begin_transaction():
        environment.run_migrations()


async def _upgrade(dsn: str, progress: Callable[[str], None]) -> list[str]:
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    waiting = await behind(dsn)
    if not waiting and not await _lacks_rights(dsn):
        return []
    guard = await asyncpg.connect(dsn, timeout=5)
    try:
        await guard.execute("select pg_advisory_lock($1)", _LOCK)
        for component in await behind(dsn):
            await guard.execute(f"create schema if not exists {component.schema}")

            async def connect() -> asyncpg.Connection:
                connection = await asyncpg.connect(dsn, timeout=5)
                await connection.execute(_GUARDS)
                return connection

            engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
            async with engine.connect() as connection:
                await connection.run_sync(partial(_steps, component, progress))
                await connection.commit()
            await engine.dispose()
        await grant(guard)
    finally:
        await guard.close()
    return [c.schema for c in waiting]


# a role that is missing although we may make it, or one that may not use its schema: an upgrade was cut off before it
# gave rights, or somebody took them
_LACKING = """
select exists (
    select
    from unnest($1::text[], $2::text[]) as w(role, schema)
    left join pg_roles r on r.rolname = w.role
    where case when r.oid is null
        then (select rolcreaterole or rolsuper from pg_roles where rolname = current_user)
        else not has_schema_privilege(r.oid, w.schema, 'usage') end)
"""


async def _lacks_rights(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        owns = [(role, role.removeprefix("colonnade_")) for role in roles()]
        schemas = {component.schema for component in components()}
        pairs = [*owns, *((role, "platform") for role, _ in owns)]
        named = [(role, schema) for role, schema in pairs if schema in schemas]
        lacks: bool = await connection.fetchval(_LACKING, [role for role, _ in named], [schema for _, schema in named])
        return lacks
    finally:
        await connection.close()


async def grant(connection: asyncpg.Connection) -> None:
    """Give each program's role what it needs; without the right to make roles all run as one, with a warning."""
    from common.db.steps import statements

    names = roles()
    try:
        for role in names:
            if not await connection.fetchval("select exists (select from pg_roles where rolname = $1)", role):
                await connection.execute(f"create role {role} login")
    except asyncpg.InsufficientPrivilegeError:
        log.warning("migrate.one_role", detail="may not create roles: every program connects as this one")
        return
    for component in components():
        path = component.folder / "grants.sql"
        if path.exists():
            script = path.read_text(encoding="utf-8").replace("{every_role}", ", ".join(names))
            for statement in statements(script):
                await connection.execute(statement)


def upgrade(dsn: str, progress: Callable[[str], None] = lambda _: None) -> list[str]:
    """Run all waiting steps, each in its own transaction under one lock; gives the schemas that changed."""
    return asyncio.run(_upgrade(dsn, progress))
