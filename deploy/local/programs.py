"""The programs of the suite: one table of what is started, with what, and how each shows that it is ready."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from deploy.local.keyfiles import KeyFiles
from deploy.local.layout import Folders, Ports


class Stand(NamedTuple):
    """All that a program's environment is made from."""

    ports: Ports
    folders: Folders
    keys: KeyFiles
    database_url: Callable[[str], str]
    redis_url: str


class Program(NamedTuple):
    """One process.

    ready_url: answers below 500 when it can work. ready_line: what it prints then, for one that serves no HTTP.
    """

    name: str
    command: Sequence[str]
    environment: Callable[[Stand], Mapping[str, str]]
    ready_url: Callable[[Ports], str] | None = None
    ready_line: str | None = None


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _common(stand: Stand, role: str) -> dict[str, str]:
    return {
        "DATABASE_URL": stand.database_url(f"colonnade_{role}"),
        "REDIS_URL": stand.redis_url,
        "KEYS_FILE": str(stand.keys.ring),
        "LOG_FORMAT": "text",
        "SHUTDOWN_GRACE_S": "5",
    }


def _inbox(stand: Stand) -> Mapping[str, str]:
    return {
        "INBOX_HTTP_PORT": str(stand.ports.inbox),
        "INBOX_SMTP_PORT": str(stand.ports.smtp),
        "INBOX_DIR": str(stand.folders.inbox),
        "INBOX_RECEIPTS_URL": stand.ports.url("notify"),
        "INBOX_RECEIPTS_TOKEN_FILE": str(stand.keys.receipts_token),
        "INBOX_GATEWAY_KEY_FILE": str(stand.keys.gateway_key),
    }


def _notify(stand: Stand) -> dict[str, str]:
    return {
        **_common(stand, "notify"),
        "PUBLIC_URL": stand.ports.url("notify"),
        "ADMIN_URL": stand.ports.url("console"),
    }


def _notify_api(stand: Stand) -> Mapping[str, str]:
    return {
        **_notify(stand),
        "PORT": str(stand.ports.notify),
        "RECEIPTS_TOKEN_FILE": str(stand.keys.receipts_token),
    }


def _notify_worker(stand: Stand) -> Mapping[str, str]:
    return {
        **_notify(stand),
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(stand.ports.smtp),
        "SMTP_TLS": "none",
        "SMTP_REPORTS_RECEIPTS": "true",
        "SMS_GATEWAY_URL": f"{stand.ports.url('inbox')}/gateway",
        "SMS_GATEWAY_KEY_FILE": str(stand.keys.gateway_key),
    }


def _console(stand: Stand) -> Mapping[str, str]:
    return {
        **_common(stand, "console"),
        "PORT": str(stand.ports.console),
        "NOTIFY_URL": stand.ports.url("notify"),
        "INBOX_URL": stand.ports.url("inbox"),
    }


PROGRAMS: Sequence[Program] = (
    Program(
        "inbox",
        _module("deploy.local.inbox"),
        _inbox,
        ready_url=lambda ports: f"{ports.url('inbox')}/_status",
    ),
    Program(
        "notify-api",
        _module("services.notify.api"),
        _notify_api,
        ready_url=lambda ports: f"{ports.url('notify')}/_status?simple=1",
    ),
    Program("notify-worker", _module("services.notify.worker"), _notify_worker, ready_line="ready: Notify worker"),
    Program(
        "console",
        _module("services.console"),
        _console,
        ready_url=lambda ports: f"{ports.url('console')}/_status?simple=1",
    ),
)
