"""Migrations as SQL for a DBA, without a database."""

from __future__ import annotations

import io
from typing import Any

from common.db.migrate import Component, components, roles

_GUARDS = "set lock_timeout = '4s';\nset statement_timeout = '5s';"


def _steps(component: Component) -> str:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    for option in ("script_location", "version_locations"):
        config.set_main_option(option, str(component.folder))
    config.set_main_option("path_separator", "newline")
    script = ScriptDirectory.from_config(config)
    printed = io.StringIO()

    def every_step(_at: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", "base")

    environment = EnvironmentContext(config, script, fn=every_step, as_sql=True, destination_rev="head")
    environment.configure(
        dialect_name="postgresql",
        output_buffer=printed,
        version_table="schema_version",
        version_table_schema=component.schema,
        transaction_per_migration=True,
    )
    with environment.begin_transaction():
        environment.run_migrations()
    return printed.getvalue()


def _grants(component: Component) -> str:
    path = component.folder / "grants.sql"
    if not path.exists():
        return ""
    names = ", ".join(roles())
    script = path.read_text(encoding="utf-8").replace("{every_role}", names)
    return f"-- the roles must exist: create role … login, for {names}\n{script}"


def print_steps() -> dict[str, str]:
    """Every schema's whole script, in the order to run them: schema, steps, rights."""
    return {
        component.schema: "\n".join(
            [_GUARDS, f"create schema if not exists {component.schema};", _steps(component), _grants(component)]
        )
        for component in components()
    }
