from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

_ROOT = Path(__file__).parents[3]
_PROGRAM = Path(__file__).parent / "sample_program.py"
_READY = re.compile(r"sample is ready on (http://127\.0\.0\.1:\d+)")


class Running:
    """A started sample program and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""
        self.url = ""

    async def until_said(self, pattern: re.Pattern[str], within_s: float = 20) -> re.Match[str]:
        assert self.process.stdout is not None
        async with asyncio.timeout(within_s):
            while not (found := pattern.search(self.said)):
                line = await self.process.stdout.readline()
                assert line, f"ended without saying {pattern.pattern}: {self.said}"
                self.said += line.decode()
        return found

    async def end(self) -> int:
        assert self.process.stdout is not None
        async with asyncio.timeout(15):
            self.said += (await self.process.stdout.read()).decode()
            return await self.process.wait()


@asynccontextmanager
async def _started(*arguments: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_PROGRAM),
        *arguments,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def _ready(processes: int) -> AsyncIterator[Running]:
    async with _started("0", str(processes)) as running:
        running.url = (await running.until_said(_READY))[1]
        yield running


async def _get(url: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(url)


@pytest.mark.parametrize("processes", [1, 2])
async def test_stopping_finishes_what_was_accepted(processes: int) -> None:
    async with _ready(processes) as running:
        answer = asyncio.create_task(_get(f"{running.url}/slow"))
        await running.until_said(re.compile("slow began"))
        running.process.send_signal(signal.SIGTERM)
        assert (await answer).text == "done"
        assert await running.end() == 0
        assert running.said.count("closed") == processes
        assert '"route":"/slow","status":200' in running.said


async def test_answers_name_no_server() -> None:
    async with _ready(1) as running:
        assert "server" not in (await _get(f"{running.url}/pid")).headers


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_busy_port_is_one_line_and_code_one(processes: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with _started(str(port), processes) as running:
            assert await running.end() == 1
            assert running.said == f"sample cannot listen on 127.0.0.1:{port}: the port is taken\n"


async def test_program_that_cannot_start_ends_with_code_one() -> None:
    async with _started("0", "1", "broken") as running:
        assert await running.end() == 1
        assert "the cellar is flooded" in running.said
        assert "is ready" not in running.said


async def test_processes_that_cannot_start_end_with_code_one() -> None:
    async with _started("0", "2", "broken") as running:
        assert await running.end() == 1
        assert "sample stops: a process did not start" in running.said


async def _pids(url: str) -> set[int]:
    return {int(answer.text) for answer in await asyncio.gather(*(_get(f"{url}/pid") for _ in range(30)))}


async def test_several_processes_share_the_port_and_a_dead_one_is_replaced() -> None:
    async with _ready(2) as running:
        before = await _pids(running.url)
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        await running.until_said(re.compile("server.process_died"))
        async with asyncio.timeout(20):
            while len(after := await _pids(running.url)) < 2:
                await asyncio.sleep(0.05)
        assert min(before) not in after
        running.process.terminate()
        assert await running.end() == 0


async def test_metrics_of_any_process_show_all() -> None:
    async with _ready(2) as running:
        await _pids(running.url)
        text = (await _get(f"{running.url}/metrics")).text
        assert 'http_requests_total{method="GET",route="/pid",status="2xx"} 30.0' in text


async def test_killed_parent_leaves_no_process() -> None:
    async with _ready(2) as running:
        pids = await _pids(running.url)
        running.process.kill()
        async with asyncio.timeout(10):
            while [pid for pid in pids if _is_running(pid)]:
                await asyncio.sleep(0.02)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # ended, only nobody asked how
