"""The folder that keeps what arrived: one file a message, the newest 2,000 of them.

A file is one line of JSON (`Kept`), then the message as it came. Only the lines stay in memory, so that large messages
cost no memory. Files are written in batches on another thread: the event loop never waits for the disk.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from deploy.local.inbox.messages import Kept

LIMIT = 2_000
_KEPT = ".message"
_UNFINISHED = ".part"
_HEAD_LIMIT = 64 * 1024  # bytes: more than the longest first line of a file

Arrival = tuple[Kept, bytes]


class Archive:
    """Messages in the order in which they arrived. Raises OSError from `open` if the folder cannot be used."""

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        self._folder = folder
        self._limit = limit
        self._messages: dict[str, Kept] = {}
        self._waiting: list[tuple[list[Arrival], asyncio.Future[None]]] = []
        self._disk = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Make the folder ready and read what it keeps."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for unfinished in self._folder.glob(f"*{_UNFINISHED}"):
            unfinished.unlink()
        probe = self._folder / f"probe{_UNFINISHED}"
        _write(probe, b"")
        probe.unlink()
        for path in sorted(self._folder.glob(f"*{_KEPT}")):
            kept = _read_head(path)
            if kept is not None:
                self._messages[kept.id] = kept
        for surplus in self._surplus():
            self._path(surplus).unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._messages)

    def newest_first(self) -> Iterator[Kept]:
        """Every kept message, the last to arrive first."""
        return reversed(self._messages.values())

    def find(self, identifier: str) -> Kept | None:
        """The message of this id, if it is still kept."""
        return self._messages.get(identifier)

    async def add(self, arrivals: list[Arrival]) -> None:
        """Keep messages; returns when their files are written. Raises OSError if they could not be.

        One task writes for all that wait, so that many small messages cost one turn of the thread, and a caller that
        goes away takes nobody's message along.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrivals, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        await written

    async def raw(self, identifier: str) -> bytes | None:
        """A message as it came, None if it is no longer kept."""
        return await asyncio.to_thread(_read_body, self._path(identifier)) if identifier in self._messages else None

    async def empty(self) -> None:
        """Remove every message that has arrived so far."""
        async with self._disk:
            doomed = list(self._messages)
            self._messages.clear()
            await asyncio.to_thread(self._unlink, doomed)

    async def _write_all(self) -> None:
        while self._waiting:
            async with self._disk:
                batch, self._waiting = self._waiting, []
                error = await self._write_batch([arrival for arrivals, _ in batch for arrival in arrivals])
            for _, written in batch:
                if written.done():  # its caller went away
                    continue
                if error is None:
                    written.set_result(None)
                else:
                    written.set_exception(error)

    async def _write_batch(self, arrivals: list[Arrival]) -> OSError | None:
        try:
            await asyncio.to_thread(self._write, arrivals)
        except OSError as error:
            return error
        for kept, _ in arrivals:
            self._messages[kept.id] = kept
        if surplus := self._surplus():
            await asyncio.to_thread(self._unlink, surplus)
        return None

    def _surplus(self) -> list[str]:
        """Forget the oldest messages above the limit and return their ids."""
        oldest = list(self._messages)[: max(0, len(self._messages) - self._limit)]
        for identifier in oldest:
            del self._messages[identifier]
        return oldest

    def _write(self, arrivals: list[Arrival]) -> None:
        for kept, raw in arrivals:
            unfinished = self._folder / f"{kept.id}{_UNFINISHED}"
            _write(unfinished, msgspec.json.encode(kept) + b"\n" + raw)
            # renamed when whole: a kill in the middle leaves no message that is cut short
            unfinished.rename(self._path(kept.id))

    def _unlink(self, identifiers: list[str]) -> None:
        for identifier in identifiers:
            self._path(identifier).unlink(missing_ok=True)

    def _path(self, identifier: str) -> Path:
        return self._folder / f"{identifier}{_KEPT}"


def _write(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _read_head(path: Path) -> Kept | None:
    """The first line of a file; None if it is not one of ours (left alone, it may be somebody's)."""
    with path.open("rb") as file:
        head = file.readline(_HEAD_LIMIT)
    try:
        kept = msgspec.json.decode(head, type=Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return kept if path.name == f"{kept.id}{_KEPT}" else None


def _read_body(path: Path) -> bytes | None:
    try:
        return path.read_bytes().partition(b"\n")[2]
    except FileNotFoundError:  # made room for newer ones between the look and the reading
        return None
