"""`colonnade doctor`: what is wrong, or about to be, and what to do about it."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Awaitable, Callable
from importlib.util import find_spec

import asyncpg
import click
import redis.asyncio as redis_client
from redis.exceptions import RedisError

from common import clock
from common.auth.directory import SECRET_TABLE
from common.cli import store
from common.cli.checks import Check, fail, ok, warn
from common.cli.command import Command, pass_session
from common.cli.dumping import find_dump_programs
from common.cli.plugins import plugins
from common.cli.session import Session
from common.crypto import Crypto, UnreadableBlob
from common.db import Database, Tx
from common.db.migrate import components, roles, versions
from common.errors import BadRequest, Conflict
from common.settings import SettingsError
from common.tenancy.resealing import check_ring

_OLDEST_POSTGRES = 16
_NEEDED = ("arq", "asyncpg", "cryptography", "httptools", "litestar", "phonenumbers", "uvicorn", "uvloop")
_WORST = {"ok": 0, "warn": 1, "fail": 2}


class NotWell(Conflict):
    """A check failed."""

    status, kind, title = 409, "not-well", "Something is not well"


def _python() -> Check:
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        return fail("python", f"packages are missing: {', '.join(missing)}; install requirements.lock")
    return ok("python", f"{platform.python_version()}, all packages found")


async def _server(tx: Tx) -> list[Check]:
    found = await store.server(tx)
    major, minor = divmod(found.version, 10_000)
    checks = [ok("database", f"{found.database} as {found.role}, PostgreSQL {major}.{minor}")]
    if major < _OLDEST_POSTGRES:
        checks = [fail("database", f"PostgreSQL {major}.{minor} is too old: {_OLDEST_POSTGRES} or later is needed")]
    skew = abs((found.clock - clock.now()).total_seconds())
    text = f"{skew:.1f} s apart from the database"
    # tokens are good for 30 s around their time
    checks.append(ok("clock", text) if skew < 2 else (warn if skew < 30 else fail)("clock", f"{text}: run NTP on both"))
    return checks


async def _restores(tx: Tx) -> list[Check]:
    names = await store.aside(tx, [component.schema for component in components()])
    if names:
        text = (
            f"a restore was cut off or is at work; what it replaced lies aside ({', '.join(names)}): "
            "`colonnade restore --put-back`, or --drop-replaced to keep what it restored"
        )
        return [fail("restore", text)]
    return []


async def _migrations(tx: Tx) -> list[Check]:
    at = await versions(tx)
    checks = []
    for component in components():
        name = f"migrations of {component.schema}"
        if at[component.schema] == component.head:
            checks.append(ok(name, f"at {component.head}, the newest"))
        else:
            checks.append(
                fail(name, f"at {at[component.schema] or 'none'} of {component.head}: run `colonnade migrate`")
            )
    return checks


async def _rights(tx: Tx) -> list[Check]:
    checks = []
    for role in roles():
        schema = role.removeprefix("colonnade_").replace("console", "platform")
        name, found = f"role {role}", await store.rights(tx, role, schema)
        if found.may_use_schema is None:
            checks.append(
                warn(name, "does not exist: programs connect as another role, which may do more than it needs")
            )
        elif not (found.may_use_schema and found.may_read_keys):
            checks.append(fail(name, f"may not use {schema} or read identity: run `colonnade migrate` as the owner"))
        elif found.may_change_keys and schema != "platform":
            checks.append(fail(name, "may change API keys, which only the console may: revoke that right"))
        else:
            checks.append(ok(name, "has the rights it needs"))
    return checks


def _waiting(crypto: Crypto) -> list[Check]:
    text = "only reads as yet: once every program was restarted with this ring, run `colonnade ring promote`"
    return [warn("keys", f"{part} key {number} {text}") for part, number in crypto.waiting.items()]


async def _ring(session: Session, tx: Tx) -> list[Check]:
    crypto = session.crypto
    if not await check_ring(tx, crypto):
        text = f"the ring can be read (current key {crypto.current}); nothing is sealed yet"
        return [ok("keys", text), *_waiting(crypto)]
    counts = await store.secrets_by_key(tx)
    if missing := [str(number) for number in counts if not crypto.holds(number)]:
        return [fail("keys", f"secrets stand under keys that are missing from the ring: {', '.join(missing)}")]
    oldest = await store.oldest_sealed_key(tx)
    assert oldest is not None
    try:
        crypto.open(oldest.secret, table=SECRET_TABLE, row=oldest.id, service=oldest.service_id)
    except UnreadableBlob:
        return [fail("keys", "the ring opens the newest secret but not the oldest: it holds another key of its number")]
    stand = ", ".join(f"{count} under key {number}" for number, count in counts.items())
    text = f"the current key is {crypto.current}; secrets stand {stand}"
    if any(number != crypto.current for number in counts):
        return [warn("keys", f"{text}: `colonnade ring reseal`"), *_waiting(crypto)]
    return [ok("keys", text), *_waiting(crypto)]


async def _operators(session: Session, tx: Tx) -> list[Check]:
    registered = await store.token_keys(tx)
    if session.settings.operator_signing_key is None:
        return [warn("operator tokens", f"OPERATOR_SIGNING_KEY is not set ({registered} keys registered)")]
    return [
        ok("operator tokens", f"the signing key can be read ({registered} registered)" if session.signing_key else "")
    ]


async def _dump(tx: Tx) -> list[Check]:
    major = (await store.server(tx)).version // 10_000
    found = find_dump_programs(major)
    if found is None:
        return [warn("backup", f"pg_dump {major} or later was not found: `colonnade backup` cannot work here")]
    return [ok("backup", f"pg_dump {found.major} found")]


async def _redis(session: Session) -> list[Check]:
    client = redis_client.Redis.from_url(session.redis_url, socket_timeout=3, socket_connect_timeout=3)
    try:
        version = (await client.info("server"))["redis_version"]
        return [ok("redis", f"Redis {version} answers")]
    finally:
        await client.aclose()


async def _guarded(name: str, look: Awaitable[list[Check]]) -> list[Check]:
    """A look that cannot be taken is a failed check, and the others still run."""
    try:
        return await look
    except SettingsError as error:
        return [fail(name, error.faults[0])]
    except (Conflict, BadRequest) as error:
        return [fail(name, error.detail)]
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return [fail(name, "cannot be looked at before `colonnade migrate`")]
    except (asyncpg.PostgresError, asyncpg.InterfaceError, RedisError, OSError) as error:
        return [fail(name, f"{type(error).__name__}: {error}")]


async def _look(session: Session) -> list[Check]:
    checks = [_python()]
    database_checks: list[tuple[str, Callable[[Tx], Awaitable[list[Check]]]]] = [
        ("database", _server),
        ("restore", _restores),
        ("migrations", _migrations),
        ("roles", _rights),
        ("keys", lambda tx: _ring(session, tx)),
        ("operator tokens", lambda tx: _operators(session, tx)),
        ("backup", _dump),
    ]

    async def database_looks() -> list[Check]:
        async with session.database() as database:
            return [check for name, look in database_checks for check in await _guarded(name, _within(database, look))]

    checks += await _guarded("database", database_looks())
    is_database_up = any(check.name == "clock" for check in checks)
    checks += await _guarded("redis", _redis(session))
    for plugin in plugins() if is_database_up else []:
        for examine in plugin.checks:
            checks += await _guarded(plugin.name, examine(session))
    return checks


async def _within(database: Database, look: Callable[[Tx], Awaitable[list[Check]]]) -> list[Check]:
    async with database.reading() as tx:
        return await look(tx)


@click.command("doctor", cls=Command)
@pass_session
def doctor(session: Session) -> None:
    """Look at everything the suite stands on. Exit code 1 if something fails."""
    checks = asyncio.run(_look(session))
    worst = max((check.state for check in checks), key=_WORST.__getitem__)
    if session.is_json:
        session.show({"state": worst, "checks": checks})
    else:
        colours = {"ok": "green", "warn": "yellow", "fail": "red"}
        for check in checks:
            state = click.style(f"{check.state:<4}", fg=colours[check.state]) if sys.stdout.isatty() else check.state
            click.echo(f"{state} {check.name}: {check.detail}")
    if worst == "fail":
        failed = [check.name for check in checks if check.state == "fail"]
        raise NotWell(f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}.")
