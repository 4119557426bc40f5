"""The yardstick of delivery: aiosmtplib, 8 connections, the same bytes again and again, and nothing else.

`python -m tests.bench.bare_loop <port> <count> <file with the message>`
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiosmtplib
import uvloop

_CONNECTIONS = 8
_FROM, _TO = "permits@notify.localhost", "ada@example.gov"


async def _send(port: int, count: int, message: bytes) -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, use_tls=False)
    async with client:
        for _ in range(count):
            await client.sendmail(_FROM, [_TO], message)


async def main(port: int, count: int, message: bytes) -> None:
    await asyncio.gather(*(_send(port, count // _CONNECTIONS, message) for _ in range(_CONNECTIONS)))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]).read_bytes()))
