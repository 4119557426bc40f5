"""What the command reads: the environment, or the suite that `make run` started in this folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from common.embedded import EmbeddedPostgres
from common.settings import DatabaseUrl, RedisUrl

_DATABASE = "colonnade"


class CliSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Every part is optional: a command asks for what it needs. Without DATABASE_URL, that of `make run` in `var/`."""

    database_url: Annotated[
        DatabaseUrl | None, Meta(description="PostgreSQL address of a role that owns the schemas (migrations too).")
    ] = None
    database_pgbouncer: Annotated[
        bool, Meta(description="Set behind PgBouncer in transaction mode: no prepared statements are kept.")
    ] = False
    redis_url: Annotated[RedisUrl | None, Meta(description="Redis address, for `doctor`.")] = None
    keys: Annotated[str | None, Meta(description="The key ring as JSON, as for the programs. Use KEYS_FILE.")] = None
    operator_signing_key: Annotated[
        str | None,
        Meta(description="Ed25519 private key (32 bytes in base64) that signs operators' tokens. Use …_FILE."),
    ] = None
    default_region: Annotated[
        str, Meta(pattern="^[A-Z]{2}$", description="Region whose national telephone numbers are meant.")
    ] = "GB"


def _socket_of(var: Path) -> Path | None:
    """Where the suite's Redis listens; a `var/` of a very long path has its socket elsewhere, which we do not know."""
    path = var / "redis" / "redis.sock"
    return path if path.exists() else None


def suite_folder(environment: Mapping[str, str]) -> Path | None:
    """`var/` of a `make run`, if there is one: COLONNADE_VAR, else in the working folder."""
    var = Path(environment.get("COLONNADE_VAR") or "var").resolve()
    return var if (var / "secrets").is_dir() else None


def with_running_suite(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, completed by the suite that runs in this folder.

    Nothing is taken from it once DATABASE_URL is given: a ring of one place and a database of another must not meet.
    """
    found = dict(environment)
    var = suite_folder(environment)
    if var is None or "DATABASE_URL" in found or "DATABASE_URL_FILE" in found:
        return found
    postgres = EmbeddedPostgres(var / "postgres")
    if postgres.join():
        found["DATABASE_URL"] = postgres.dsn(database=_DATABASE)
    if (socket := _socket_of(var)) is not None and "REDIS_URL" not in found:
        found["REDIS_URL"] = f"unix://{quote(str(socket))}"
    for name, file in (("KEYS", "keys.json"), ("OPERATOR_SIGNING_KEY", "operator.key")):
        path = var / "secrets" / file
        if name not in found and f"{name}_FILE" not in found and os.access(path, os.R_OK):
            found[f"{name}_FILE"] = str(path)
    return found


def command_environment() -> dict[str, str]:
    """What this process reads its settings from."""
    return with_running_suite(os.environ)
