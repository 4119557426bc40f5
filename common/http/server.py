"""Run a program: uvicorn with uvloop and httptools, in one process or several.

Several processes have a listening socket each on the same port (SO_REUSEPORT), so that the kernel spreads connections;
one shared socket would let one process take nearly all kept-open connections.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NoReturn

import structlog
import uvicorn
from litestar.types import ASGIApp

from common import log as logging_setup
from common.http.settings import ServerSettings
from common.settings import CommonSettings

log = structlog.get_logger(__name__)

AppFactory = Callable[[], ASGIApp]

_BACKLOG = 2048
_CHILD = "COLONNADE_SERVER_CHILD"  # "<parent pid>,<port>,<fd that hears of readiness>"
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.1
_KEEP_ALIVE_S = 75  # longer than the 60 s of common load balancers, which else meet a connection just closed
_CLOSING_S = 2
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_MOST_DEATHS, _WITHIN_S = 5, 60.0


class _Server(uvicorn.Server):
    """Tells when it listens, once the program's memory is settled."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _settle_memory()
            self._on_ready()


def _settle_memory() -> None:
    # modules and routes live for ever: the collector need not walk them, nor run every 700 allocations
    # (measured: p99 at 128 connections from 47 to 16 ms)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def listening_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound socket. shared: others of this program may bind the same port. Raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
        if not shared:
            bound.listen(_BACKLOG)  # a port that another socket only bound shows itself here
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


def serve(
    app_factory: AppFactory,
    *,
    name: str,
    host: str,
    port: int,
    settings: CommonSettings,
    on_ready: Callable[[str], None] | None = None,
) -> NoReturn:
    """Serve until SIGTERM or SIGINT, finish what was accepted within `shutdown_grace_s`, and exit (0).

    on_ready: called with the address once everything listens; prints `<name> is ready on <address>` unless given.
    A busy port, or a program that cannot start, is one line and exit code 1.
    """
    logging_setup.configure(settings)
    ready = on_ready or (lambda address: print(f"{name} is ready on {address}", flush=True))
    if (child := os.environ.get(_CHILD)) is not None:
        sys.exit(_serve_as_child(app_factory, host, settings, child))
    processes = settings.processes if isinstance(settings, ServerSettings) else 1
    try:
        if processes == 1:
            bound = listening_socket(host, port)
        else:
            if port:
                listening_socket(host, port).close()  # another program that shares its port too would go unnoticed
            bound = listening_socket(host, port, shared=True)
    except OSError as error:
        sys.exit(_cannot_listen(name, host, port, error))
    address = _address(bound)
    if processes == 1:
        sys.exit(_serve_here(app_factory, bound, settings, lambda: ready(address)))
    sys.exit(_Family(name, bound, processes, settings).supervise(lambda: ready(address)))


def _cannot_listen(name: str, host: str, port: int, error: OSError) -> int:
    why = "the port is taken" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
    print(f"{name} cannot listen on {host}:{port}: {why}", file=sys.stderr, flush=True)
    return 1


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _serve_here(
    app_factory: AppFactory, bound: socket.socket, settings: CommonSettings, ready: Callable[[], None]
) -> int:
    proxies = settings.trusted_proxies if isinstance(settings, ServerSettings) else ""
    config = uvicorn.Config(
        app_factory(),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies or None,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        # the rest of the grace is for closing what the program holds
        timeout_graceful_shutdown=max(1, settings.shutdown_grace_s - _CLOSING_S),
    )
    server = _Server(config, ready)

    def stop(*_: object) -> None:
        # uvicorn raises the signal again after its orderly end; before it has begun, it means: now
        if not server.should_exit:
            sys.exit(0)

    for number in _STOP_SIGNALS:
        signal.signal(number, stop)
    try:
        server.run(sockets=[bound])
    except SystemExit as end:  # uvicorn's word for a lifespan that failed; the reason is logged
        return 0 if not end.code else 1
    return 0


# several processes ---------------------------------------------------------


def _die_with(parent: int) -> None:
    """End when the parent ends, also when it was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


def _serve_as_child(app_factory: AppFactory, host: str, settings: CommonSettings, given: str) -> int:
    parent, port, ready_fd = (int(part) for part in given.split(","))
    _die_with(parent)

    def ready() -> None:
        os.write(ready_fd, b"r")
        os.close(ready_fd)

    try:
        bound = listening_socket(host, port, shared=True)
    except OSError as error:
        return _cannot_listen("a process", host, port, error)
    return _serve_here(app_factory, bound, settings, ready)


class _Family:
    """The processes of one program: started alike, kept alive, stopped together."""

    def __init__(self, name: str, bound: socket.socket, processes: int, settings: CommonSettings) -> None:
        self._name = name
        self._bound = bound  # held without listening: the port stays ours while a process is replaced
        self._processes = processes
        self._grace_s = settings.shutdown_grace_s + _CLOSING_S
        self._figures = tempfile.mkdtemp(prefix="figures-")
        self._children: list[subprocess.Popen[bytes]] = []
        self._deaths: deque[float] = deque(maxlen=_MOST_DEATHS)
        self._stop = threading.Event()

    def supervise(self, ready: Callable[[], None]) -> int:
        for number in _STOP_SIGNALS:
            signal.signal(number, lambda *_: self._stop.set())
        try:
            waits = [self._start() for _ in range(self._processes)]
            if not all(self._is_ready(wait) for wait in waits):
                return 0 if self._stop.is_set() else self._gives_up("a process did not start")
            ready()
            while not self._stop.wait(_POLL_S):
                if not self._replace_dead():
                    return self._gives_up("processes keep dying")
            return 0
        finally:
            self._end_all()
            shutil.rmtree(self._figures, ignore_errors=True)
            self._bound.close()

    def _start(self) -> int:
        hear, tell = os.pipe()
        port = self._bound.getsockname()[1]
        environment = {
            **os.environ,
            _CHILD: f"{os.getpid()},{port},{tell}",
            "PROMETHEUS_MULTIPROC_DIR": self._figures,  # /metrics of any process then shows all
        }
        # the very command that started us, so that the program needs no second entry point
        command = [sys.executable, *sys.orig_argv[1:]]
        self._children.append(subprocess.Popen(command, env=environment, pass_fds=[tell]))  # noqa: S603
        os.close(tell)
        return hear

    def _is_ready(self, hear: int) -> bool:
        """True when the process listens, False when it died first (its end of the pipe closes)."""
        try:
            while not self._stop.is_set():
                if select.select([hear], [], [], _POLL_S)[0]:
                    return os.read(hear, 1) == b"r"
            return False
        finally:
            os.close(hear)

    def _replace_dead(self) -> bool:
        for child in [child for child in self._children if child.poll() is not None]:
            log.error("server.process_died", pid=child.pid, code=child.returncode)
            self._forget(child)
            self._deaths.append(time.monotonic())
            if len(self._deaths) == _MOST_DEATHS and self._deaths[-1] - self._deaths[0] < _WITHIN_S:
                return False
            self._is_ready(self._start())
        return True

    def _forget(self, child: subprocess.Popen[bytes]) -> None:
        from prometheus_client import multiprocess

        self._children.remove(child)
        multiprocess.mark_process_dead(child.pid, self._figures)  # type: ignore[no-untyped-call]

    def _gives_up(self, why: str) -> int:
        print(f"{self._name} stops: {why}; the log above says why", file=sys.stderr, flush=True)
        return 1

    def _end_all(self) -> None:
        for child in self._children:
            child.terminate()
        ends = time.monotonic() + self._grace_s
        for child in self._children:
            try:
                child.wait(max(0.0, ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
