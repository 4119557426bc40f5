"""A Redis of our own, on a Unix socket in a closed folder and on no port."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from common.embedded.binaries import EmbeddedError, find_redis
from common.embedded.process import Child, server_account, socket_folder

_SOCKET = "redis.sock"
_START_TIMEOUT_S = 30
_LEAVING_TIMEOUT_S = 10


class EmbeddedRedis:
    """A server over one data folder; what is written is kept (append-only file). 64 numbered databases."""

    def __init__(self, data: Path, *, log: Path | None = None) -> None:
        self.data = data.resolve()
        self.log = log or self.data.with_name(f"{self.data.name}.log")
        self._child: Child | None = None
        self._sockets: Path | None = None

    def start(self) -> EmbeddedRedis:
        """Start it and wait until it answers. Raises EmbeddedError."""
        program, account = find_redis(), server_account()
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            account.own(self.data)
            self.data.chmod(0o700)
        except OSError as error:
            raise EmbeddedError(f"The folder {self.data} cannot be used: {error.strerror}.") from None
        sockets = socket_folder(self.data, _SOCKET, account)
        self._wait_for_leaving_server(sockets)
        self._sockets = sockets
        settings: dict[str, str | Path] = {
            "dir": self.data,
            "unixsocket": sockets / _SOCKET,
            "unixsocketperm": "700",
            "port": "0",
        }
        settings |= {"save": "", "appendonly": "yes", "databases": "64", "daemonize": "no"}
        words: list[str | Path] = [program]
        for name, value in settings.items():
            words += [f"--{name}", value]
        self._child = Child("Redis", words, log=self.log, account=account, cwd=self.data)
        self._child.wait_until(lambda: _answers(sockets / _SOCKET), _START_TIMEOUT_S)
        return self

    def stop(self) -> None:
        """Stop in order. Nothing happens if it does not run."""
        if self._child is not None:
            self._child.stop()
            self._forget()

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None:
            self._child.kill()
            self._forget()

    @property
    def url(self) -> str:
        """The address of database 0. Raises EmbeddedError if the server was not started."""
        if self._sockets is None:
            raise EmbeddedError("Redis is not running.")
        return f"unix://{quote(str(self._sockets / _SOCKET))}"

    @property
    def child(self) -> Child:
        """The running server. Raises EmbeddedError if it was not started."""
        if self._child is None:
            raise EmbeddedError("Redis is not running.")
        return self._child

    def __enter__(self) -> EmbeddedRedis:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _forget(self) -> None:
        if self._sockets is not None and self._sockets != self.data:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._child = self._sockets = None

    def _wait_for_leaving_server(self, sockets: Path) -> None:
        """A second Redis would silently take over the socket and the files of the first."""
        until = time.monotonic() + _LEAVING_TIMEOUT_S
        while _answers(sockets / _SOCKET):
            if time.monotonic() > until:
                raise EmbeddedError(f"Redis already runs on {self.data}: stop it first.")
            time.sleep(0.05)


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
