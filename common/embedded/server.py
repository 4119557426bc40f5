"""What our own servers have in common: a closed data folder, a socket, one child process, start and stop."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from common.embedded.binaries import EmbeddedError
from common.embedded.process import Account, Child


class EmbeddedServer(ABC):
    """A server over one data folder. As a context manager it runs inside the block."""

    name: ClassVar[str]

    def __init__(self, data: Path, *, log: Path | None = None) -> None:
        self.data = data.resolve()
        self.log = log or self.data.with_name(f"{self.data.name}.log")
        self._child: Child | None = None
        self._sockets: Path | None = None

    @abstractmethod
    def start(self) -> Self:
        """Start it and wait until it answers. Raises EmbeddedError."""

    def stop(self) -> None:
        """Disconnect everybody and stop in order. Nothing happens if it does not run."""
        if self._child is not None:
            self._child.stop()
            self._forget()

    def kill(self) -> None:
        """End all its processes at once, as a crash of the machine would."""
        if self._child is not None:
            self._child.kill()
            self._forget()

    @property
    def child(self) -> Child:
        """The running server. Raises EmbeddedError if it was not started."""
        if self._child is None:
            raise self._not_running()
        return self._child

    @property
    def sockets(self) -> Path:
        """The folder of its socket. Raises EmbeddedError if the server was not started."""
        if self._sockets is None:
            raise self._not_running()
        return self._sockets

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _not_running(self) -> EmbeddedError:
        return EmbeddedError(f"{self.name} is not running.")

    def _make_folder(self, account: Account) -> None:
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            account.own(self.data)
            self.data.chmod(0o700)
        except OSError as error:
            raise EmbeddedError(f"The folder {self.data} cannot be used: {error.strerror}.") from None

    def _forget(self) -> None:
        if self._sockets is not None and self._sockets != self.data:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._child = self._sockets = None
