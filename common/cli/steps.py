"""Migrations as SQL for a DBA, without a database."""

from __future__ import annotations

import io
from typing import Any

from common.db.migrate import _GUARDS, Component, components, roles

GUARDS = f"{_GUARDS};".replace("; ", ";\n")


def step_sql(component: Component, revision: str = "head", before: str | None = None) -> str:
    """What the runner would execute to bring a schema from the step `before` (None: from nothing) to `revision`."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    for option in ("script_location", "version_locations"):
        config.set_main_option(option, str(component.folder))
    config.set_main_option("path_separator", "newline")
    script = ScriptDirectory.from_config(config)
    printed = io.StringIO()

    def upgrade(_at: Any, _context: Any) -> Any:
        return script._upgrade_revs(revision, before or "base")

    environment = EnvironmentContext(
        config, script, fn=upgrade, as_sql=True, starting_rev=before, destination_rev=revision
    )
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
            [GUARDS, f"create schema if not exists {component.schema};", step_sql(component), _grants(component)]
        )
        for component in components()
    }
