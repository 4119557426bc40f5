"""Print every migration step as plain SQL, a file each, without a database.

`python -m deploy.local.print_migrations FOLDER`
"""

from __future__ import annotations

import sys
from pathlib import Path

from common.cli.steps import GUARDS, step_sql
from common.db.migrate import components


def main(folder: Path) -> None:
    """Write <schema>_<step>.sql for every step of every schema."""
    for component in components():
        before: str | None = None
        for path in sorted(component.folder.glob("[0-9][0-9][0-9][0-9]_*.py")):
            revision = path.name[:4]
            text = f"{GUARDS}\n{step_sql(component, revision, before)}"  # as the runner does
            (folder / f"{component.schema}_{path.stem}.sql").write_text(text, encoding="utf-8")
            before = revision


if __name__ == "__main__":
    main(Path(sys.argv[1]))
