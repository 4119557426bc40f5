"""Start the programs, wait until each can work, watch them, stop them."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from common.embedded import EmbeddedError
from common.embedded.process import Child
from deploy.local.layout import Folders, StartRefused
from deploy.local.programs import Program, Stand

_ROOT = Path(__file__).parent.parent.parent
_READY_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 8
# besides its own settings a program sees only these: a stray variable of the shell must not change it
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LOG_LEVEL", "SSL_CERT_FILE", "PYTHONDONTWRITEBYTECODE")
# straight to the machine itself, whatever proxy the shell names
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def keep_one_old_log(folders: Folders) -> None:
    """Let each log begin anew and keep the last run's beside it."""
    for log in folders.logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def _answers(url: str) -> bool:
    try:
        with _OPENER.open(url, timeout=2) as answer:
            return bool(answer.status < 500)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False


def _ready(program: Program, child: Child, stand: Stand) -> bool:
    if program.ready_url is not None:
        return _answers(program.ready_url(stand.ports))
    return program.ready_line is None or program.ready_line in child.log.read_text(encoding="utf-8", errors="replace")


def _end_of(child: Child, code: int) -> str:
    if code < 0:
        # its last line tells of its last work, not of its end
        return f"was killed ({signal.Signals(-code).name})"
    return f"ended with code {code}: {child.last_line()}"


class Supervisor:
    """The running programs of one suite."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._children: list[tuple[Program, Child]] = []

    def start(self, programs: Sequence[Program], stand: Stand, progress: Callable[[str], None]) -> None:
        """Start all at once, then wait for each. Raises StartRefused that names the one which fails."""
        shell = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        for program in programs:
            environment: Mapping[str, str] = {
                **shell,
                "PYTHONUNBUFFERED": "1",
                # so that it works before `pip install -e .` as well
                "PYTHONPATH": str(_ROOT),
                **program.environment(stand),
            }
            log = self._folders.log(program.name)
            child = Child(program.name, program.command, log=log, environment=environment, cwd=_ROOT)
            self._children.append((program, child))
        for program, child in self._children:
            progress(f"waiting for {program.name}")
            try:
                child.wait_until(lambda p=program, c=child: _ready(p, c, stand), _READY_TIMEOUT_S)  # type: ignore[misc]
            except EmbeddedError as error:
                raise StartRefused(str(error)) from None

    def check(self, *servers: Child) -> None:
        """Raises StartRefused that names a program or server which ended."""
        for child in (*(child for _, child in self._children), *servers):
            if (code := child.exit_code()) is not None:
                raise StartRefused(f"{child.name} {_end_of(child, code)} (log: {child.log})")

    def stop(self) -> None:
        """Stop all, last started first; by force what still runs after 8 s."""
        until = time.monotonic() + _STOP_TIMEOUT_S
        for _, child in reversed(self._children):
            child.stop(max(0.5, until - time.monotonic()))
        self._children.clear()
