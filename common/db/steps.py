"""What a migration step calls: plain SQL, statement by statement, and the tables that every schema has."""

from __future__ import annotations

from pathlib import Path

from alembic import op

_SHARED = Path(__file__).parent.parent / "migrations" / "shared"


def statements(sql: str) -> list[str]:
    """Split a script at the semicolons that end a line, outside of $$ bodies."""
    found: list[str] = []
    current: list[str] = []
    in_body = False
    for line in sql.splitlines():
        stripped = line.strip()
        if not stripped or (stripped.startswith("--") and not current):
            continue
        current.append(line)
        if stripped.count("$$") % 2:
            in_body = not in_body
        if stripped.endswith(";") and not in_body:
            found.append("\n".join(current).rstrip().removesuffix(";"))
            current = []
    if current:
        found.append("\n".join(current))
    return found


def run(sql: str) -> None:
    """Execute a script in the step's transaction."""
    for statement in statements(sql):
        op.execute(statement)


def run_concurrently(statement: str) -> None:
    """Execute the one statement of a step that cannot run in a transaction (create index concurrently …)."""
    with op.get_context().autocommit_block():
        op.execute(statement)


def run_shared(name: str, schema: str) -> None:
    """Execute a script of common/migrations/shared for one schema, so that its tables commit with that service's."""
    run((_SHARED / f"{name}.sql").read_text(encoding="utf-8").replace("{schema}", schema))
