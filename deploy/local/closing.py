"""What a start ends in: `var/suite.json` for scripts, and for people a table of addresses and two calls to paste."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from deploy.local.layout import Folders, Ports, write_private
from deploy.local.seed import Seeded


def write_suite(folders: Folders, ports: Ports, seeded: Seeded) -> dict[str, Any]:
    """Write and give the table for scripts; it holds keys, so only its owner may read it."""
    suite: dict[str, Any] = {
        "console": {"url": ports.url("console")},
        "notify": {"url": ports.url("notify")},
        "inbox": {"url": ports.url("inbox"), "smtp": f"127.0.0.1:{ports.smtp}"},
        "service": {"id": seeded.service_id, "name": seeded.service_name},
        "keys": {kind: seeded.keys[kind] for kind in ("live", "team", "test")},
        "templates": seeded.templates,
    }
    write_private(folders.suite_file, msgspec.json.format(msgspec.json.encode(suite), indent=2).decode() + "\n")
    return suite


def curl_call(suite: dict[str, Any]) -> str:
    """Sends the demonstration e-mail."""
    body = msgspec.json.encode(
        {
            "email_address": "amal@example.com",
            "template_id": suite["templates"]["email"],
            "personalisation": {"name": "Amal", "reference": "PP-2041"},
        }
    ).decode()
    return (
        f"curl -sS -X POST {suite['notify']['url']}/v2/notifications/email \\\n"
        f"  -H 'Authorization: Bearer {suite['keys']['live']}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d '{body}'"
    )


def python_call(suite: dict[str, Any], python: Path) -> str:
    """Sends the demonstration text with the official client."""
    return (
        f"{python} - <<'END'\n"
        "from notifications_python_client import NotificationsAPIClient\n"
        f'notify = NotificationsAPIClient("{suite["keys"]["live"]}", base_url="{suite["notify"]["url"]}")\n'
        f'template = "{suite["templates"]["sms"]}"\n'
        'print(notify.send_sms_notification("+447700900123", template, {"code": "481516"})["id"])\n'
        "END"
    )


def show(console: Console, suite: dict[str, Any], folders: Folders, python: Path) -> None:
    """Print the table and the calls, unwrapped so that they can be pasted."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("What")
    table.add_column("Where", overflow="fold")
    table.add_row("Inbox: what was sent", suite["inbox"]["url"])
    table.add_row("Notify API", suite["notify"]["url"])
    table.add_row("Console", suite["console"]["url"])
    table.add_row("Mail server", suite["inbox"]["smtp"])
    table.add_row("Keys and ids", str(folders.suite_file))
    table.add_row("Logs", str(folders.logs))
    console.print(table)
    for title, call in (
        ("Send an e-mail:", curl_call(suite)),
        ("Send a text with the official Python client:", python_call(suite, python)),
    ):
        console.print(title, style="bold")
        console.print(call, markup=False, highlight=False, soft_wrap=True)
        console.print()
    console.print(f"Then look at {suite['inbox']['url']}. Ctrl-C stops everything.", soft_wrap=True)
