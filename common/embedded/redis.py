"""A Redis of our own, on a Unix socket in a closed folder and on no port."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Self
from urllib.parse import quote

from common.embedded.binaries import EmbeddedError, find_redis
from common.embedded.process import Child, server_account, socket_folder
from common.embedded.server import EmbeddedServer

_SOCKET = "redis.sock"
_START_TIMEOUT_S = 30
_LEAVING_TIMEOUT_S = 10


class EmbeddedRedis(EmbeddedServer):
    """A server over one data folder; what is written is kept (append-only file). 64 numbered databases."""

    name = "Redis"

    def start(self) -> Self:
        program, account = find_redis(), server_account()
        self._make_folder(account)
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
        self._child = Child(self.name, words, log=self.log, account=account, cwd=self.data)
        self._child.wait_until(lambda: _answers(sockets / _SOCKET), _START_TIMEOUT_S)
        return self

    @property
    def url(self) -> str:
        """The address of database 0. Raises EmbeddedError if the server was not started."""
        return f"unix://{quote(str(self.sockets / _SOCKET))}"

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
