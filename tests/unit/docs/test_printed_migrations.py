"""Migrations as SQL: for the linter a file each, for a DBA a script a schema. Both say the same."""

from __future__ import annotations

from pathlib import Path

from common.cli.steps import GUARDS, print_steps
from common.db.migrate import components
from deploy.local import print_migrations


def test_every_step_is_printed_as_the_command_prints_it(tmp_path: Path) -> None:
    print_migrations.main(tmp_path)
    scripts = print_steps()
    for component in components():
        files = sorted(tmp_path.glob(f"{component.schema}_*.sql"))
        assert len(files) == int(component.head)
        place = 0
        for file in files:
            head, body = file.read_text(encoding="utf-8").split(GUARDS)
            place = scripts[component.schema].index(body.strip(), place)
            assert head == ""
