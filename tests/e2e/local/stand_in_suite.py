"""A run of two small programs in place of the suite's: `python stand_in_suite.py PORT`, started by test_make_run.py.

With the word `real` it is what `make run` starts.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from deploy.local.programs import PROGRAMS as REAL
from deploy.local.programs import Program
from deploy.local.run import run

_SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_):
        return
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
_WORKER = """
import asyncio, asyncpg, os, redis, sys, time
async def check():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    services = await connection.fetchval("select count(*) from platform.services")
    print(await connection.fetchval("select current_user"), services)
    await connection.close()
asyncio.run(check())
assert redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
print(sorted(os.environ))
print("ready to work")
time.sleep(600)
"""

PROGRAMS = (
    Program(
        "web",
        [sys.executable, "-c", _SERVER],
        lambda stand: {"PORT": str(stand.ports.notify)},
        ready_url=lambda ports: ports.url("notify"),
    ),
    Program(
        "worker",
        [sys.executable, "-c", _WORKER],
        lambda stand: {"DATABASE_URL": stand.database_url("colonnade_notify"), "REDIS_URL": stand.redis_url},
        ready_line="ready to work",
    ),
)
BROKEN = Program(
    "broken", [sys.executable, "-c", "raise SystemExit('DATABASE_URL: is required and not set')"], lambda _: {}
)

if __name__ == "__main__":
    if "real" in sys.argv:
        # a part of the suite that is not built yet has no module to start
        sys.exit(run(int(sys.argv[1]), [program for program in REAL if find_spec(program.command[-1])]))
    programs = (*PROGRAMS, BROKEN) if "broken" in sys.argv else PROGRAMS
    sys.exit(run(int(sys.argv[1]), programs, lambda *_: print("up", flush=True)))
