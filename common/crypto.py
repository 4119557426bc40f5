"""Encryption of fields, blind indexes, keyed hashes and signed tokens.

All keys come from one ring (`KEYS`): numbered encryption keys and numbered index keys; the highest number is used for
new data, the older ones still read. A blob is: 1 byte format, 2 bytes key number, 12 bytes nonce, AES-256-GCM text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import struct
from typing import Any
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common import clock

_FORMAT = 1
_HEAD = struct.Struct(">BH")
_NONCE_BYTES = 12
_NONCES_A_BLOCK = 256
_INDEX_BYTES = 16  # 128 bits of a keyed hash: no accidental match among 10^12 values
_KEY_BYTES = 32


class UnreadableBlob(Exception):
    """The blob was made with a key we do not hold, for another row, or was changed."""


class UnknownKey(UnreadableBlob):
    """The blob was made with a key that our ring does not hold (yet): another process has a newer ring."""


class BadToken(Exception):
    """The signed token is malformed, forged, made for another purpose, or out of date."""


class _RingFile(msgspec.Struct, forbid_unknown_fields=True):
    encryption: dict[str, str]
    index: dict[str, str]


def new_ring() -> str:
    """A fresh key ring as JSON, for KEYS_FILE."""
    key = base64.b64encode
    return msgspec.json.encode(
        {
            "encryption": {"1": key(secrets.token_bytes(_KEY_BYTES)).decode()},
            "index": {"1": key(secrets.token_bytes(_KEY_BYTES)).decode()},
        }
    ).decode()


def with_new_key(ring: str, *, part: str = "encryption") -> str:
    """The ring with one more key, one number higher, in `part` (encryption or index)."""
    parsed = msgspec.json.decode(ring, type=_RingFile)
    keys: dict[str, str] = getattr(parsed, part)
    keys[str(max(map(int, keys)) + 1)] = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return msgspec.json.encode(parsed).decode()


def _parse(keys: dict[str, str], part: str) -> dict[int, bytes]:
    if not keys:
        raise ValueError(f"{part}: holds no key")
    parsed: dict[int, bytes] = {}
    for number, text in keys.items():
        raw = base64.b64decode(text, validate=True)
        if len(raw) != _KEY_BYTES or not 1 <= int(number) <= 65535:
            raise ValueError(f"{part} key {number}: must be 32 bytes in base64 under a number from 1 to 65535")
        parsed[int(number)] = raw
    return parsed


class Crypto:
    """All that is done with the key ring. Raises ValueError if the ring is malformed (its values never shown)."""

    def __init__(self, ring: str) -> None:
        try:
            parsed = msgspec.json.decode(ring, type=_RingFile)
        except msgspec.MsgspecError as error:
            raise ValueError('KEYS: must be JSON like {"encryption":{"1":"…"},"index":{"1":"…"}}') from error
        encryption, index = _parse(parsed.encryption, "encryption"), _parse(parsed.index, "index")
        self._ciphers = {number: AESGCM(key) for number, key in encryption.items()}
        self.current = max(self._ciphers)
        self._cipher = self._ciphers[self.current]
        self._head = _HEAD.pack(_FORMAT, self.current)
        self._index = {number: hmac.new(key, digestmod=hashlib.sha256) for number, key in sorted(index.items())}
        self._index_current = self._index[max(self._index)]
        self._signers = {number: self._derived(key, b"signed tokens") for number, key in encryption.items()}
        self._hasher = hmac.new(self._derived(encryption[min(encryption)], b"request hash"), digestmod=hashlib.sha256)
        self._nonces = b""
        self._at = 0

    @staticmethod
    def _derived(key: bytes, purpose: bytes) -> bytes:
        return hmac.new(key, b"colonnade:" + purpose, hashlib.sha256).digest()

    def _nonce(self) -> bytes:
        if self._at >= len(self._nonces):
            self._nonces, self._at = os.urandom(_NONCE_BYTES * _NONCES_A_BLOCK), 0
        nonce = self._nonces[self._at : self._at + _NONCE_BYTES]
        self._at += _NONCE_BYTES
        return nonce

    # fields -------------------------------------------------------------

    def seal(self, plain: bytes, *, table: str, row: UUID, service: UUID) -> bytes:
        """Encrypt a field, bound to its table, row and service: a blob moved elsewhere does not open."""
        nonce = self._nonce()
        return self._head + nonce + self._cipher.encrypt(nonce, plain, table.encode() + row.bytes + service.bytes)

    def open(self, blob: bytes, *, table: str, row: UUID, service: UUID) -> bytes:
        """Decrypt a field. Raises UnreadableBlob."""
        number = self.key_number(blob)
        cipher = self._ciphers.get(number)
        if cipher is None:
            raise UnknownKey(f"no key {number}")
        body = _HEAD.size + _NONCE_BYTES
        try:
            return cipher.decrypt(blob[_HEAD.size : body], blob[body:], table.encode() + row.bytes + service.bytes)
        except InvalidTag:
            raise UnreadableBlob("wrong row, wrong key or changed") from None

    @staticmethod
    def key_number(blob: bytes) -> int:
        """The number of the key that sealed a blob. Raises UnreadableBlob."""
        if len(blob) < _HEAD.size + _NONCE_BYTES + 16 or blob[0] != _FORMAT:
            raise UnreadableBlob("not a sealed field")
        return int.from_bytes(blob[1:3], "big")

    # blind indexes ------------------------------------------------------

    def index(self, service: UUID, normalised: str) -> bytes:
        """16 bytes that find a value without showing it, other for each service."""
        mac = self._index_current.copy()
        mac.update(service.bytes + normalised.encode())
        return mac.digest()[:_INDEX_BYTES]

    def index_candidates(self, service: UUID, normalised: str) -> list[bytes]:
        """The value's index under every index key, newest first (older rows wait to be re-indexed)."""
        found = []
        for keyed in reversed(self._index.values()):
            mac = keyed.copy()
            mac.update(service.bytes + normalised.encode())
            found.append(mac.digest()[:_INDEX_BYTES])
        return found

    def request_hash(self, *parts: bytes) -> bytes:
        """Keyed hash of a request (32 bytes), to tell whether an Idempotency-Key came back with another body."""
        mac = self._hasher.copy()
        for part in parts:
            mac.update(len(part).to_bytes(8, "big") + part)
        return mac.digest()

    # signed tokens ------------------------------------------------------

    def sign(self, purpose: str, claims: dict[str, Any], *, valid_s: int) -> str:
        """An opaque URL-safe token that only we can make; not encrypted, so no personal data in `claims`."""
        body = msgspec.msgpack.encode([self.current, int(clock.epoch_s()) + valid_s, claims])
        mac = hmac.new(self._signers[self.current], purpose.encode() + b"\0" + body, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mac[:24] + body).rstrip(b"=").decode()

    def verify(self, purpose: str, token: str) -> dict[str, Any]:
        """The claims of a token made by `sign` for the same purpose. Raises BadToken."""
        try:
            raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
            number, expires_at, claims = msgspec.msgpack.decode(raw[24:], type=tuple[int, int, dict[str, Any]])
            key = self._signers[number]
        except (ValueError, KeyError, msgspec.MsgspecError) as error:
            raise BadToken("malformed") from error
        mac = hmac.new(key, purpose.encode() + b"\0" + raw[24:], hashlib.sha256).digest()[:24]
        if not hmac.compare_digest(mac, raw[:24]):
            raise BadToken("forged")
        if expires_at < clock.epoch_s():
            raise BadToken("out of date")
        return claims
