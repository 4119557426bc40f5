"""What must hold before anything is started; each refusal is one line."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from common.embedded.binaries import EmbeddedError, find_postgres, find_redis
from deploy.local.layout import Folders, Ports, StartRefused

_LEAVING_S = 2.0


def make_folders(folders: Folders) -> None:
    """Make `var/` and what is in it, and see that we may write there. Raises StartRefused."""
    for folder in (folders.var, folders.secrets, folders.logs, folders.inbox):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise StartRefused(
                f"The folder {folder} cannot be written ({error.strerror}): mend its rights, "
                "or name another with COLONNADE_VAR."
            ) from None
    folders.secrets.chmod(0o700)
    folders.logs.chmod(0o700)


@contextmanager
def only_one(folders: Folders) -> Iterator[None]:
    """Hold `var/` for this run; the hold ends with the process, however it ends. Raises StartRefused."""
    with folders.lock_file.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StartRefused(
                f"The suite already runs on {folders.var} (process {file.read().strip() or 'unknown'}): "
                "stop it with Ctrl-C first, or use another folder with COLONNADE_VAR."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _fault(port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error.strerror})"
    return None


def check_ports(ports: Ports) -> None:
    """See that every port is free. Raises StartRefused that names those that are not."""
    # what a run that was killed left behind is gone within a moment
    until = time.monotonic() + _LEAVING_S
    while faults := {name: fault for name, port in ports._asdict().items() if (fault := _fault(port)) is not None}:
        if time.monotonic() > until:
            named = ", ".join(f"{getattr(ports, name)} ({name}) {fault}" for name, fault in faults.items())
            raise StartRefused(f"Port {named}: stop what uses it, or start at another with `make run PORT=9000`.")
        time.sleep(0.05)


def check_binaries(*, postgres: str | None, redis: bool) -> None:
    """See that the servers we are to start are there. Raises StartRefused."""
    try:
        if postgres is not None:
            find_postgres(postgres)
        if redis:
            find_redis()
    except EmbeddedError as error:
        raise StartRefused(str(error)) from None
