"""The SQL of `doctor`, `backup` and `restore`: about the database itself, not about what stands in it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from common.db import Database, Tx, many, maybe, one


class Server(msgspec.Struct, frozen=True):
    """version: as PostgreSQL numbers it (160003 is 16.3). clock: what the server takes for now."""

    version: int
    clock: datetime
    database: str
    role: str


class Rights(msgspec.Struct, frozen=True):
    """What a program's role may do with identity and in its own schema; None for a role that does not exist."""

    may_read_keys: bool | None
    may_change_keys: bool | None
    may_use_schema: bool | None


_SERVER = """
select current_setting('server_version_num')::int, clock_timestamp(), current_database()::text, current_user::text
"""
_RIGHTS = """
select has_table_privilege(r.oid, 'platform.api_keys', 'select'),
       has_table_privilege(r.oid, 'platform.api_keys', 'update'),
       has_schema_privilege(r.oid, $2, 'usage')
from pg_roles r
where r.rolname = $1
"""
_SEALED = """
select id, service_id, secret
from platform.api_keys
order by id
limit 1
"""
# the key's number stands in the second and third byte of what it sealed (common/crypto.py)
_BY_KEY = """
select get_byte(secret, 1) * 256 + get_byte(secret, 2), count(*)
from platform.api_keys
group by 1
order by 1
"""
_REGISTERED = "select count(*) from platform.token_keys where retired_at is null"
_TABLES = """
select format('%I.%I', schemaname, tablename)
from pg_tables
where schemaname = any($1::text[])
  and tablename <> 'schema_version'
order by 1
"""
_CONNECTED = """
select distinct usename::text, coalesce(application_name, ''), usename = current_user
from pg_stat_activity
where datname = current_database()
  and pid <> pg_backend_pid()
  and coalesce(backend_type, 'client backend') = 'client backend'
"""
_END = """
select pg_terminate_backend(pid, $2)
from pg_stat_activity
where datname = current_database()
  and application_name = $1
  and usename = current_user
"""
_ASIDE = """
select nspname::text, name
from pg_namespace
join unnest($1::text[]) as name on nspname ~ ('^' || name || $2 || '[0-9]{14}$')
order by 1
"""
_SCHEMAS = "select nspname::text from pg_namespace where nspname = any($1::text[])"


ASIDE = "_replaced_"  # and when: what a schema is called while a restore replaces it
_END_MS = 10_000


class Connected(msgspec.Struct, frozen=True):
    """A kind of connection that this database has."""

    role: str
    application: str
    is_own_role: bool


class SealedKey(msgspec.Struct, frozen=True):
    id: UUID
    service_id: UUID
    secret: bytes


async def server(tx: Tx) -> Server:
    return await one(tx, Server, _SERVER)


async def major(database: Database) -> int:
    """PostgreSQL's major version."""
    async with database.reading() as tx:
        return (await server(tx)).version // 10_000


async def connected(tx: Tx) -> list[Connected]:
    """Who else is connected to this database."""
    return await many(tx, Connected, _CONNECTED)


async def end_sessions(tx: Tx, application: str) -> None:
    """End our role's other sessions of this name, and wait until they have ended."""
    await tx.execute(_END, application, _END_MS)


async def rights(tx: Tx, role: str, schema: str) -> Rights:
    return await maybe(tx, Rights, _RIGHTS, role, schema) or Rights(None, None, None)


async def oldest_sealed_key(tx: Tx) -> SealedKey | None:
    return await maybe(tx, SealedKey, _SEALED)


async def secrets_by_key(tx: Tx) -> dict[int, int]:
    """How many API keys' secrets stand under each key of the ring, by its number."""
    return {row[0]: row[1] for row in await tx.fetch(_BY_KEY)}


async def token_keys(tx: Tx) -> int:
    """Public keys that operators' tokens are checked with."""
    count: int = await tx.fetchval(_REGISTERED)
    return count


async def schemas(tx: Tx, names: list[str]) -> list[str]:
    """Those of the schemas that exist."""
    return [row[0] for row in await tx.fetch(_SCHEMAS, names)]


async def aside(tx: Tx, names: list[str]) -> dict[str, str]:
    """What a restore set aside of these schemas and has not dropped: its name → the schema it was."""
    return {row[0]: row[1] for row in await tx.fetch(_ASIDE, names, ASIDE)}


async def filled_table(tx: Tx, names: list[str]) -> str | None:
    """A table of these schemas that holds rows; None if all are empty."""
    for (table,) in await tx.fetch(_TABLES, names):
        if await tx.fetchval(f"select exists (select from {table})"):
            return str(table)
    return None


async def make_schema(tx: Tx, name: str) -> None:
    """Also where it stands already. name: one of ours."""
    await tx.execute(f"create schema if not exists {name}")


async def rename_schema(tx: Tx, name: str, new_name: str) -> None:
    # both names are ours (a component's folder, with a suffix): neither comes from outside
    await tx.execute(f"alter schema {name} rename to {new_name}")


async def drop_schema(tx: Tx, name: str) -> None:
    await tx.execute(f"drop schema if exists {name} cascade")
