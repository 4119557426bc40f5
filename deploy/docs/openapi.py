"""docs/openapi/<service>.json: what each API's program says of itself."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import get_type_hints

from common.crypto import new_ring
from common.http.app import openapi_bytes
from common.settings import load

_SERVICES = Path(__file__).parent.parent.parent / "services"
# only to build the program: it is not opened, so nothing is connected to
_ENVIRONMENT = {"DATABASE_URL": "postgresql://127.0.0.1/none", "REDIS_URL": "redis://127.0.0.1"}


def services() -> list[str]:
    """The services that have an API: those with an `app.py`."""
    return sorted(path.parent.name for path in _SERVICES.glob("*/app.py"))


def document(service: str) -> bytes:
    """A service's OpenAPI document, built with the settings' defaults."""
    create_app = importlib.import_module(f"services.{service}.app").create_app
    settings = get_type_hints(create_app)["settings"]
    return openapi_bytes(create_app(load(settings, {**_ENVIRONMENT, "KEYS": new_ring()})))
