"""`colonnade migrate`"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import click

from common.cli.command import Command, pass_session
from common.cli.session import Session
from common.cli.steps import print_steps
from common.db import migrate as migrations
from common.errors import Conflict


class MigrationFailed(Conflict):
    """A step of the migration was refused by the database; the steps before it stand."""

    status, kind, title = 409, "migration-failed", "The database refused a step"


@click.command("migrate", cls=Command)
@click.option(
    "--sql", "only_print", is_flag=True, help="Print the SQL of every step for a DBA; no database is touched."
)
@pass_session
def migrate(session: Session, only_print: bool) -> None:
    """Bring the database up to date."""
    if only_print:
        scripts = print_steps()
        if session.is_json:
            session.show({"scripts": scripts})
        for schema, script in [] if session.is_json else scripts.items():
            click.echo(f"-- {schema}\n{script}")
        return
    steps: list[str] = []

    def progress(step: str) -> None:
        steps.append(step)
        click.echo(step, err=True)

    try:
        changed = migrations.upgrade(session.database_url, progress)
    except asyncpg.PostgresError as error:
        if isinstance(error, (asyncpg.PostgresConnectionError, asyncpg.InvalidAuthorizationSpecificationError)):
            raise
        raise MigrationFailed(f"{type(error).__name__}: {error}") from None
    session.show({"changed": changed, "steps": steps, "versions": asyncio.run(_versions(session.database_url))})


async def _versions(dsn: str) -> dict[str, Any]:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        return await migrations.versions(connection)
    finally:
        await connection.close()
