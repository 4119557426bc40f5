"""Read `Authorization: Bearer …`.

A value is tried in this order: an API key as it stands (its last 73 characters are `{service uuid}-{secret uuid}`), an
operator's token (JWT, EdDSA, typ `operator+jwt`), a JWT signed HS256 with a key's secret (as the clients of GOV.UK
Notify make it: claims `iss` service id and `iat`). Comparisons are constant-time; every key of the service is tried.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from enum import StrEnum
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import msgspec

from common import clock
from common.auth.directory import Directory, KnownKey, KnownService, Nobody
from common.auth.operator import NotAnOperatorToken, verify_operator_token
from common.auth.principals import Operator, Principal, ServiceKey
from common.errors import Forbidden, ServiceError, Unauthorised

_LEEWAY_S = 30
_KEY_TAIL = 73
# what `key_id` makes; anything else names no key of ours, and PostgreSQL refuses some text outright (NUL)
_KID = re.compile(r"[0-9a-f]{16}")


class Why(StrEnum):
    """Why credentials were refused; each wire contract has its own words for these."""

    MISSING = "credentials-missing"
    NOT_BEARER = "credentials-not-bearer"
    UNREADABLE = "token-unreadable"
    NO_ISSUER = "token-without-issuer"
    ISSUER_NOT_UUID = "token-issuer-malformed"
    SERVICE_UNKNOWN = "service-unknown"
    NO_KEYS = "service-without-keys"
    SERVICE_ARCHIVED = "service-archived"
    SERVICE_SUSPENDED = "service-suspended"
    CLOCK = "token-time-off"
    ALGORITHM = "token-algorithm"
    REVOKED = "key-revoked"
    EXPIRED = "key-expired"
    KEY_UNKNOWN = "key-unknown"
    NETWORK = "network-not-allowed"
    OPERATOR_TOKEN = "operator-token-refused"  # noqa: S105


_TEXTS = {
    Why.MISSING: "Send an Authorization header.",
    Why.NOT_BEARER: "The Authorization header must use the Bearer scheme.",
    Why.UNREADABLE: "The token cannot be read.",
    Why.NO_ISSUER: "The token has no iss claim.",
    Why.ISSUER_NOT_UUID: "The token's iss claim is not a service id.",
    Why.SERVICE_UNKNOWN: "There is no such service.",
    Why.NO_KEYS: "The service has no API keys.",
    Why.SERVICE_ARCHIVED: "The service is closed.",
    Why.SERVICE_SUSPENDED: "The service is suspended.",
    Why.CLOCK: "The token's iat claim is more than 30 seconds off.",
    Why.ALGORITHM: "The token is not signed with HS256.",
    Why.REVOKED: "The API key was revoked.",
    Why.EXPIRED: "The API key has expired.",
    Why.KEY_UNKNOWN: "No API key of the service fits.",
    Why.NETWORK: "The API key may not be used from this network.",
    Why.OPERATOR_TOKEN: "The operator token is malformed, out of date or revoked.",
}


class Refused(Forbidden):
    """The credentials were read and do not open anything."""

    status, kind, title = 403, "credentials-refused", "The credentials were refused"

    def __init__(self, why: Why) -> None:
        super().__init__(_TEXTS[why], reason=why.value)
        self.why = why


class RefusedUnread(Unauthorised):
    """There were no credentials of a kind that we read."""

    status, kind, title = 401, "credentials-missing", "Credentials are missing"

    def __init__(self, why: Why) -> None:
        super().__init__(_TEXTS[why], headers={"WWW-Authenticate": "Bearer"}, reason=why.value)
        self.why = why


class _Header(msgspec.Struct):
    alg: str = ""
    typ: str = ""
    kid: str = ""


class _Claims(msgspec.Struct):
    iss: Any = None
    iat: Any = None
    exp: Any = None
    nbf: Any = None
    aud: Any = None


_read_header = msgspec.json.Decoder(_Header).decode
_read_claims = msgspec.json.Decoder(_Claims).decode


def _b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """Turns an Authorization header into a principal. `audience`: this program's name in operator tokens."""

    def __init__(self, directory: Directory, *, audience: str) -> None:
        self._directory = directory
        self._audience = audience
        self._headers: dict[str, _Header] = {}

    async def authenticate(self, authorization: str | None, address: str | None) -> Principal:
        """The caller. `address`: where the call comes from. Raises Refused or RefusedUnread."""
        if not authorization:
            raise RefusedUnread(Why.MISSING)
        if authorization[:7].title() != "Bearer ":
            raise RefusedUnread(Why.NOT_BEARER)
        value = authorization[7:].strip()
        if (key := _whole_key(value)) is not None:
            return await self._by_key(*key, address)
        parts = value.split(".")
        header = self._header(parts)
        if header.alg == "EdDSA" and header.typ == "operator+jwt":
            return await self._by_operator_token(value, header.kid)
        return await self._by_signature(parts, header, address)

    def _header(self, parts: list[str]) -> _Header:
        if len(parts) != 3:
            raise Refused(Why.UNREADABLE)
        header = self._headers.get(parts[0])
        if header is None:
            try:
                header = _read_header(_b64(parts[0]))
            except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
                raise Refused(Why.UNREADABLE) from error
            if len(self._headers) < 100:  # callers send one of a handful; strangers must not fill memory
                self._headers[parts[0]] = header
        return header

    async def _service(self, service_id: UUID) -> KnownService:
        found = self._directory.services.peek(service_id) or await self._directory.services.get(service_id)
        if isinstance(found, Nobody):
            raise Refused(Why.SERVICE_UNKNOWN)
        if not found.ever_had_keys:
            raise Refused(Why.NO_KEYS)
        if found.service.status == "archived":
            raise Refused(Why.SERVICE_ARCHIVED)
        return found

    async def _by_key(self, service_id: UUID, secret: bytes, address: str | None) -> ServiceKey:
        known = await self._service(service_id)
        matching = [key for key in known.keys if hmac.compare_digest(key.secret, secret)]
        if not matching:
            raise Refused(Why.KEY_UNKNOWN)
        return _principal(known, matching[0], address)

    async def _by_signature(self, parts: list[str], header: _Header, address: str | None) -> ServiceKey:
        try:
            claims = _read_claims(_b64(parts[1]))
            signature = _b64(parts[2])
        except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
            raise Refused(Why.UNREADABLE) from error
        if claims.iss is None:
            raise Refused(Why.NO_ISSUER)
        try:
            service_id = UUID(claims.iss)
        except (ValueError, TypeError, AttributeError) as error:
            raise Refused(Why.ISSUER_NOT_UUID) from error
        known = await self._service(service_id)
        if header.alg != "HS256":
            raise Refused(Why.ALGORITHM)
        signed = f"{parts[0]}.{parts[1]}".encode("ascii")
        fitting = None
        for key in known.keys:
            mac = key.signer.copy()
            mac.update(signed)
            if hmac.compare_digest(mac.digest(), signature):
                fitting = key
                break
        # a token without iat is, to the original, one that no key verifies
        if fitting is None or claims.iat is None:
            raise Refused(Why.KEY_UNKNOWN)
        _check_times(claims)
        return _principal(known, fitting, address)

    async def _by_operator_token(self, token: str, kid: str) -> Operator:
        if not _KID.fullmatch(kid):
            raise Refused(Why.OPERATOR_TOKEN)
        public_key = await self._directory.token_keys.get(kid)
        if isinstance(public_key, Nobody):
            raise Refused(Why.OPERATOR_TOKEN)
        try:
            who = verify_operator_token(token, public_key, audience=self._audience)
        except NotAnOperatorToken as error:
            raise Refused(Why.OPERATOR_TOKEN) from error
        if isinstance(await self._directory.sessions.get(who.session_id), Nobody):
            raise Refused(Why.OPERATOR_TOKEN)
        return who


def _whole_key(value: str) -> tuple[UUID, bytes] | None:
    """Service id and secret if the value is an API key as it stands."""
    tail = value[-_KEY_TAIL:]
    if len(tail) < _KEY_TAIL or tail[36] != "-" or "." in tail:
        return None
    try:
        service_id, secret = UUID(tail[:36]), UUID(tail[37:])
    except ValueError:
        return None
    # clients of the original slice from the end and sign with these characters as they stand
    return service_id, str(secret).encode()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_times(claims: _Claims) -> None:
    now = clock.epoch_s()
    # compared, not subtracted: an integer of a thousand digits has no float
    if not _is_number(claims.iat) or not now - _LEEWAY_S <= claims.iat <= now + _LEEWAY_S:
        raise Refused(Why.CLOCK)
    expired = claims.exp is not None and (not _is_number(claims.exp) or claims.exp < now - _LEEWAY_S)
    early = claims.nbf is not None and (not _is_number(claims.nbf) or claims.nbf > now + _LEEWAY_S)
    if expired or early or claims.aud is not None:
        raise Refused(Why.UNREADABLE)


def _principal(known: KnownService, key: KnownKey, address: str | None) -> ServiceKey:
    if key.revoked_at is not None:
        raise Refused(Why.REVOKED)
    if key.expires_at is not None and key.expires_at <= clock.now():
        raise Refused(Why.EXPIRED)
    if key.networks and not _allowed(key, address):
        raise Refused(Why.NETWORK)
    if known.service.status == "suspended":
        raise Refused(Why.SERVICE_SUSPENDED)
    return ServiceKey(service=known.service, key_id=key.id, key_name=key.name, key_type=key.type, scopes=key.scopes)


def _allowed(key: KnownKey, address: str | None) -> bool:
    try:
        source = ip_address(address or "")
    except ValueError:
        return False
    return any(source in network for network in key.networks)


def refusal_reason(error: ServiceError) -> Why | None:
    """Why credentials were refused, for a contract that has its own words; None for any other error."""
    return error.why if isinstance(error, Refused | RefusedUnread) else None
