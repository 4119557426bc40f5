"""The folder that keeps what arrived."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from common import clock, ids
from deploy.local.inbox.archive import Archive, Arrival
from deploy.local.inbox.messages import Kept


def an_arrival(title: str = "Due", raw: bytes = b"Subject: Due\r\n\r\nbody\n\nmore") -> Arrival:
    kept = Kept(
        id=str(ids.uuid7()),
        channel="email",
        to="ada@example.gov",
        sender="tax@example.gov",
        title=title,
        message=None,
        reference="r",
        outcome="delivered",
        received_at=clock.now(),
    )
    return kept, raw


def an_archive(folder: Path, limit: int = 5) -> Archive:
    archive = Archive(folder, limit=limit)
    archive.open()
    return archive


def titles(archive: Archive) -> list[str]:
    return [kept.title for kept in archive.newest_first()]


async def test_messages_are_listed_newest_first_and_survive_a_restart(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    for title in "abc":
        await archive.add([an_arrival(title)])
    again = an_archive(tmp_path)
    assert titles(again) == ["c", "b", "a"]
    newest = next(again.newest_first())
    assert await again.raw(newest.id) == b"Subject: Due\r\n\r\nbody\n\nmore"


async def test_only_the_newest_are_kept_in_memory_and_on_disk(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    await asyncio.gather(*(archive.add([an_arrival(str(number))]) for number in range(8)))
    await archive.add([an_arrival("last")])
    assert len(archive) == 5
    assert titles(archive)[0] == "last"
    assert len(list(tmp_path.iterdir())) == 5
    assert titles(an_archive(tmp_path, limit=2)) == titles(archive)[:2]


async def test_files_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "inbox"
    await an_archive(folder).add([an_arrival()])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]


async def test_an_emptied_archive_has_no_message_and_no_file(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    arrival = an_arrival()
    await archive.add([arrival])
    await archive.empty()
    assert len(archive) == 0
    assert await archive.raw(arrival[0].id) is None
    assert list(tmp_path.iterdir()) == []


async def test_a_cut_short_or_strange_file_does_not_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(b"half")
    (tmp_path / "y.message").write_bytes(b"\xff not ours")
    archive = an_archive(tmp_path)
    assert len(archive) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["y.message"]


async def test_a_message_that_cannot_be_written_is_not_listed_and_the_next_one_is(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    archive = an_archive(folder)
    folder.rmdir()
    with pytest.raises(OSError, match="No such file"):
        await archive.add([an_arrival("lost")])
    folder.mkdir()
    await archive.add([an_arrival("kept")])
    assert titles(archive) == ["kept"]


async def test_a_caller_that_goes_away_takes_nobody_else_along(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    gone = asyncio.create_task(archive.add([an_arrival("gone")]))
    stays = asyncio.create_task(archive.add([an_arrival("stays")]))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert sorted(titles(archive)) == ["gone", "stays"]


async def test_a_name_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.message").write_text("{}\nsecret")
    assert await an_archive(tmp_path / "inbox").raw("../secret") is None
