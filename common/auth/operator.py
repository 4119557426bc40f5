"""Operators' tokens: short-lived JWTs (RFC 7519), signed Ed25519 (EdDSA, RFC 8037), typ `operator+jwt`.

Claims: iss, aud, sub (operator), service (uuid or `*`), scopes, iat, exp (at most 300 s later), jti, sid (the session
behind it, which every program checks within 2 s).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from uuid import UUID, uuid4

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from common import clock
from common.auth.principals import Operator

ISSUER = "colonnade"
LONGEST_S = 300
_LEEWAY_S = 30


class NotAnOperatorToken(Exception):
    """The token is malformed, forged, out of date, or for another program."""


class _Claims(msgspec.Struct, kw_only=True):
    iss: str
    aud: str
    sub: str
    service: str
    scopes: list[str]
    iat: int
    exp: int
    jti: str
    sid: UUID


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def key_id(public_key: bytes) -> str:
    """The name a public key goes by (`kid`)."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def mint_operator_token(
    private_key: bytes,
    *,
    audience: str,
    operator: str,
    session_id: UUID,
    service_id: UUID | None,
    scopes: list[str],
    valid_s: int = LONGEST_S,
) -> str:
    """Sign a token. private_key: 32 raw bytes. service_id: None for all services. valid_s: at most 300."""
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    kid = key_id(key.public_key().public_bytes_raw())
    now = int(clock.epoch_s())
    claims = _Claims(
        iss=ISSUER,
        aud=audience,
        sub=operator,
        service="*" if service_id is None else str(service_id),
        scopes=scopes,
        iat=now,
        exp=now + min(valid_s, LONGEST_S),
        jti=str(uuid4()),
        sid=session_id,
    )
    header = msgspec.json.encode({"alg": "EdDSA", "typ": "operator+jwt", "kid": kid})
    signed = f"{_b64(header)}.{_b64(msgspec.json.encode(claims))}"
    return f"{signed}.{_b64(key.sign(signed.encode()))}"


def verify_operator_token(token: str, public_key: bytes, *, audience: str) -> Operator:
    """Who a token speaks for. Raises NotAnOperatorToken. The caller checks the session behind it."""
    head, _, rest = token.partition(".")
    body, _, signature = rest.partition(".")
    try:
        raw_signature = base64.urlsafe_b64decode(signature + "==")
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw_signature, f"{head}.{body}".encode())
        claims = msgspec.json.decode(base64.urlsafe_b64decode(body + "=="), type=_Claims)
        service_id = None if claims.service == "*" else UUID(claims.service)
    except (InvalidSignature, binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise NotAnOperatorToken("malformed or forged") from error
    now = clock.epoch_s()
    in_time = claims.iat - _LEEWAY_S <= now <= claims.exp and claims.exp - claims.iat <= LONGEST_S
    if claims.iss != ISSUER or claims.aud not in (audience, "*") or not in_time:
        raise NotAnOperatorToken("out of date or for another program")
    return Operator(operator=claims.sub, session_id=claims.sid, service_id=service_id, scopes=frozenset(claims.scopes))
