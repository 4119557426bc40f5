"""How the command starts, and how it ends when it is stopped."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import click
import pytest

from common.cli.main import build
from common.cli.session import Session

_STOPPED_IN_AN_IMPORT = """
import sys
from common.cli.main import main

class CtrlC:
    def find_spec(self, name, *_):
        if name == "{module}":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
sys.argv[1:] = ["--help"]
main()
"""
_LOADED = """
import sys
import common.cli.main, services.notify.cli
common.cli.main.build()
print(*sys.modules)
"""


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("module", ["structlog", "click", "asyncpg"])
def test_ctrl_c_while_the_command_starts_ends_in_silence(module: str) -> None:
    ended = _python(_STOPPED_IN_AN_IMPORT.format(module=module))
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_ctrl_c_while_a_command_works_ends_with_130(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "run", stopped)
    ended = cli("service", "list")
    assert (ended.code, ended.out, ended.err) == (130, "", "interrupted\n")


def test_command_does_not_load_the_web_framework() -> None:
    assert "litestar" not in _python(_LOADED).stdout.split()


def test_templates_stand_at_the_top_too() -> None:
    notify = build().commands["notify"]
    assert isinstance(notify, click.Group)
    assert build().commands["template"] is notify.commands["template"]
