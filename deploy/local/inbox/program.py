"""Start and stop of the local inbox."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import uvicorn
import uvloop

from common.settings import SettingsError
from deploy.local.inbox.archive import Archive
from deploy.local.inbox.gateway import Gateway
from deploy.local.inbox.intake import Intake
from deploy.local.inbox.receipts import ReceiptPoster
from deploy.local.inbox.settings import InboxSettings, read_settings
from deploy.local.inbox.smtp import MailServer
from deploy.local.inbox.web import build_app

HOST = "127.0.0.1"  # never anything else: what arrives here is not protected by a password


class CannotStart(Exception):
    """Why the inbox does not come up, in one line."""


class _WebServer(uvicorn.Server):
    """uvicorn without its own signal handling: the program stops the mail server too, and ends with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(port: int, name: str) -> socket.socket:
    """A listening socket on loopback. Raises CannotStart."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            reason = f"port {port} is already taken; stop what uses it or set {name}"
        else:
            reason = f"port {port} cannot be used: {error.strerror}; set {name}"
        raise CannotStart(reason) from error
    listener.setblocking(False)
    return listener


def _open_archive(folder: Path) -> Archive:
    archive = Archive(folder)
    try:
        archive.open()
    except OSError as error:
        raise CannotStart(f"folder {folder} cannot be used: {error.strerror}; set INBOX_DIR") from error
    return archive


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)


async def _serve_web(server: _WebServer, listener: socket.socket, stop: asyncio.Event) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:
        stop.set()


async def serve(settings: InboxSettings) -> None:
    """Run the inbox until SIGTERM or SIGINT. Raises CannotStart."""
    stop = asyncio.Event()
    _stop_on_signals(stop)
    web_socket = _listen(settings.inbox_http_port, "INBOX_HTTP_PORT")
    mail_socket = _listen(settings.inbox_smtp_port, "INBOX_SMTP_PORT")
    archive = _open_archive(Path(settings.inbox_dir))
    receipts = None
    if settings.inbox_receipts_url:
        receipts = ReceiptPoster(settings.inbox_receipts_url, settings.inbox_receipts_token)
        receipts.start()
        receipts.offer_again(archive.newest_first())
    intake = Intake(archive, receipts)
    gateway = Gateway(intake, settings.inbox_gateway_key)
    gateway.remember(reversed(list(archive.newest_first())))
    mail = MailServer(intake)
    await mail.start(mail_socket)
    config = uvicorn.Config(
        cast("uvicorn._types.ASGIApplication", build_app(archive, gateway)),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    server = _WebServer(config)
    serving = asyncio.create_task(_serve_web(server, web_socket, stop))
    web, smtp = (f"{HOST}:{listener.getsockname()[1]}" for listener in (web_socket, mail_socket))
    print(f"inbox: http://{web} (web, API, text gateway)  smtp://{smtp}", flush=True)
    await stop.wait()
    await mail.stop()
    server.should_exit = True
    await serving
    await intake.finish()
    if receipts is not None:
        await receipts.stop()


def main() -> int:
    """Run the program; its exit code: 0 after a clean stop, 1 if it could not start."""
    logging.basicConfig(level=logging.WARNING, format="inbox: %(message)s", stream=sys.stderr)
    try:
        settings = read_settings()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except SettingsError as error:
        print(f"inbox: {'; '.join(error.faults)}", file=sys.stderr)
        return 1
    except CannotStart as error:
        print(f"inbox: {error}", file=sys.stderr)
        return 1
    return 0
