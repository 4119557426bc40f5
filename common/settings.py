"""Settings: one frozen Struct per program, read from environment variables.

A field `database_url` is read from `DATABASE_URL`, or from the file that `DATABASE_URL_FILE` names (for secrets).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, get_type_hints

import msgspec
from msgspec import Meta


class SettingsError(Exception):
    """One or more settings are wrong or missing; `faults` holds a line for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


S = TypeVar("S", bound=msgspec.Struct)

DatabaseUrl = Annotated[
    str, Meta(pattern=r"^postgres(ql)?://", description="PostgreSQL address of this program's own role.")
]
RedisUrl = Annotated[str, Meta(pattern=r"^(rediss?|unix)://", description="Redis address (doorbell, limits).")]
Port = Annotated[int, Meta(ge=1, le=65535)]


class CommonSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every program of the suite reads."""

    database_url: DatabaseUrl
    redis_url: RedisUrl
    keys: Annotated[
        str,
        Meta(
            description='Encryption and index keys as JSON: {"encryption":{"1":"<base64>"},"index":{"1":"<base64>"}}, '
            "32 bytes each; `current` may name those for new data (else the highest). "
            "Made by `colonnade ring new`. Use KEYS_FILE."
        ),
    ]
    database_pool_size: Annotated[int, Meta(ge=2, le=200, description="Most PostgreSQL connections of a process.")] = 10
    database_pgbouncer: Annotated[
        bool, Meta(description="Set behind PgBouncer in transaction mode: no prepared statements are kept.")
    ] = False
    log_level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$", description="Least level logged.")] = "info"
    log_format: Annotated[str, Meta(pattern="^(json|text)$", description="json for machines, text for people.")] = (
        "json"
    )
    shutdown_grace_s: Annotated[
        int, Meta(ge=1, le=600, description="Seconds a stopping process takes to finish what it accepted.")
    ] = 20


def _raw(name: str, environment: Mapping[str, str]) -> str | None:
    if (direct := environment.get(name)) is not None:
        return direct
    if (path := environment.get(f"{name}_FILE")) is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError([f"{name}_FILE: cannot read {path}: {error.strerror}"]) from error


def _plain(message: str) -> str:
    return message.split(" - at ")[0]


def load(kind: type[S], environment: Mapping[str, str] | None = None) -> S:
    """Read a program's settings. Raises SettingsError with every fault at once, values never shown."""
    environment = os.environ if environment is None else environment
    values, faults = _read(kind, environment)
    if faults:
        raise SettingsError(faults)
    return kind(**values)


def _read(kind: type[msgspec.Struct], environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    hints = get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {}
    faults: list[str] = []
    for field in msgspec.structs.fields(kind):
        name = field.name.upper()
        try:
            if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
                # a part of its own: its fields are variables like all others, without a prefix
                inner, wrong = _read(field.type, environment)
                faults.extend(wrong)
                values[field.name] = None if wrong else field.type(**inner)
                continue
            raw = _raw(name, environment)
            if raw is not None:
                values[field.name] = msgspec.convert(raw, hints[field.name], strict=False)
            elif field.required:
                faults.append(f"{name}: is required and not set")
        except SettingsError as error:
            faults.extend(error.faults)
        except msgspec.ValidationError as error:
            faults.append(f"{name}: {_plain(str(error))}")
    return values, faults


def exit_on(error: SettingsError) -> NoReturn:
    """End the program (exit code 2) with a line for each setting that is wrong."""
    for fault in error.faults:
        print(f"setting {fault}", file=sys.stderr)
    sys.exit(2)


def load_or_exit(kind: type[S]) -> S:
    """Read a program's settings, or end the program with a line for each that is wrong."""
    try:
        settings = load(kind)
        if isinstance(settings, CommonSettings):
            _check_ring(settings.keys)
    except SettingsError as error:
        exit_on(error)
    return settings


def _check_ring(ring: str) -> None:
    from common.crypto import Crypto

    try:
        Crypto(ring)
    except ValueError as error:
        raise SettingsError([f"KEYS or KEYS_FILE: {str(error).removeprefix('KEYS: ')}"]) from error
