"""Where things stand on this machine: folders below `var/`, and the ports, all shifted alike by PORT."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

LOWEST_PORT, HIGHEST_PORT = 7999, 65510
_SMTP_BELOW, _INBOX_ABOVE = 6975, 25


class StartRefused(Exception):
    """The suite cannot start or go on; the text is one line for a person and says what to do."""


class Ports(NamedTuple):
    """What listens where, all on 127.0.0.1."""

    console: int
    notify: int
    pay: int
    forms: int
    inbox: int
    smtp: int

    @classmethod
    def at(cls, first: int) -> Ports:
        """The ports for PORT=first. Raises StartRefused when one of them would not exist."""
        if not LOWEST_PORT <= first <= HIGHEST_PORT:
            # below, the mail port (PORT - 6975) would be one of those that only root may open
            raise StartRefused(f"PORT={first} is not possible: choose one from {LOWEST_PORT} to {HIGHEST_PORT}.")
        return cls(first, first + 1, first + 2, first + 3, first + _INBOX_ABOVE, first - _SMTP_BELOW)

    def url(self, program: str) -> str:
        return f"http://127.0.0.1:{getattr(self, program)}"


class Folders:
    """What stands in `var/`. COLONNADE_VAR names another folder."""

    def __init__(self, var: Path) -> None:
        self.var = var.resolve()
        self.secrets = self.var / "secrets"
        self.logs = self.var / "log"
        self.postgres = self.var / "postgres"
        self.redis = self.var / "redis"
        self.inbox = self.var / "inbox"
        self.suite_file = self.var / "suite.json"
        self.lock_file = self.var / "run.lock"

    @classmethod
    def usual(cls) -> Folders:
        root = Path(__file__).parent.parent.parent
        return cls(Path(os.environ.get("COLONNADE_VAR") or root / "var"))

    def log(self, program: str) -> Path:
        return self.logs / f"{program}.log"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
