"""The seal on the sandbox's events: `Sandbox-Signature: t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from common import clock
from services.pay.gateways.outcomes import ProviderEvent
from services.pay.gateways.protocol import BadEvent

HEADER: Final = "sandbox-signature"
_TOLERANCE_S: Final = 300
_SEAL: Final = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def _mac(raw: bytes, at: str, secret: str) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + raw, hashlib.sha256).hexdigest()


def sealed(body: dict[str, Any], secret: str) -> tuple[bytes, dict[str, str]]:
    """The raw body and headers of an event to be posted now."""
    raw, at = msgspec.json.encode(body), str(int(clock.epoch_s()))
    return raw, {"content-type": "application/json", HEADER: f"t={at},v1={_mac(raw, at, secret)}"}


def read(raw: bytes, headers: Mapping[str, str], secret: str) -> list[ProviderEvent]:
    """The event in a posted body. Raises BadEvent."""
    seal = next((value for name, value in headers.items() if name.lower() == HEADER), "")
    found = _SEAL.fullmatch(seal)
    if found is None or not hmac.compare_digest(found[2], _mac(raw, found[1], secret)):
        raise BadEvent("wrong signature")
    if abs(clock.epoch_s() - int(found[1])) > _TOLERANCE_S:
        raise BadEvent("too old")
    try:
        return [msgspec.json.decode(raw, type=ProviderEvent)]
    except msgspec.MsgspecError:
        raise BadEvent("unreadable") from None
