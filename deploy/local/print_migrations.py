"""Print every migration step as plain SQL, a file each, without a database.

`python -m deploy.local.print_migrations FOLDER`
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from common.db.migrate import _GUARDS, Component, components


def step_sql(component: Component, revision: str, before: str | None) -> str:
    """What Alembic would run for one step, after the step `before`."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(component.folder))
    config.set_main_option("version_locations", str(component.folder))
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


def main(folder: Path) -> None:
    """Write <schema>_<step>.sql for every step of every schema."""
    for component in components():
        before: str | None = None
        for path in sorted(component.folder.glob("[0-9][0-9][0-9][0-9]_*.py")):
            revision = path.name[:4]
            # as the runner does
            text = f"{_GUARDS};\n{step_sql(component, revision, before)}"
            (folder / f"{component.schema}_{path.stem}.sql").write_text(text, encoding="utf-8")
            before = revision


if __name__ == "__main__":
    main(Path(sys.argv[1]))
