"""Encryption of fields, blind indexes, keyed hashes and signed tokens.

All keys come from one ring (`KEYS`): numbered encryption keys and numbered index keys. All of them read; of each kind
the current one (`"current": {"encryption": 1, "index": 1}`; the highest number where nothing is said) makes what is
new. A fresh key begins as one that only reads, so that nothing is sealed which a program with the ring of yesterday
cannot open. A blob is: 1 byte format, 2 bytes key number, 12 bytes nonce, AES-256-GCM text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import struct
from collections.abc import Container, Sequence
from typing import Any, Literal, TypeAlias, get_args
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

Part: TypeAlias = Literal["encryption", "index"]
PARTS: tuple[Part, ...] = get_args(Part)


class UnreadableBlob(Exception):
    """The blob was made with a key we do not hold, for another row, or was changed."""


class UnknownKey(UnreadableBlob):
    """The blob was made with a key that our ring does not hold (yet): another process has a newer ring."""


class BadToken(Exception):
    """The signed token is malformed, forged, made for another purpose, or out of date."""


class _Current(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The numbers of the keys that make what is new; None for the highest."""

    encryption: int | None = None
    index: int | None = None


class _RingFile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    encryption: dict[str, str]
    index: dict[str, str]
    current: _Current = msgspec.field(default_factory=_Current)

    def newest(self, part: Part) -> int:
        keys: dict[str, str] = getattr(self, part)
        return max(map(int, keys))

    def current_of(self, part: Part) -> int:
        said: int | None = getattr(self.current, part)
        return self.newest(part) if said is None else said


def new_ring() -> str:
    """A fresh key ring as JSON, for KEYS_FILE."""
    key = base64.b64encode
    return msgspec.json.encode(
        {
            "encryption": {"1": key(secrets.token_bytes(_KEY_BYTES)).decode()},
            "index": {"1": key(secrets.token_bytes(_KEY_BYTES)).decode()},
        }
    ).decode()


def with_new_key(ring: str, *, part: Part = "encryption") -> str:
    """The ring with one more key in `part`, one number higher, which reads and makes nothing new until `promoted`."""
    parsed = msgspec.json.decode(ring, type=_RingFile)
    setattr(parsed.current, part, parsed.current_of(part))
    keys: dict[str, str] = getattr(parsed, part)
    keys[str(parsed.newest(part) + 1)] = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return msgspec.json.encode(parsed).decode()


def promoted(ring: str, *, parts: Sequence[Part] = PARTS) -> str:
    """The ring whose newest key of these parts makes what is new; every program must be able to read with it before."""
    parsed = msgspec.json.decode(ring, type=_RingFile)
    for part in parts:
        setattr(parsed.current, part, parsed.newest(part))
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


def _current(ring: _RingFile, part: Part, keys: Container[int]) -> int:
    number = ring.current_of(part)
    if number not in keys:
        raise ValueError(f"{part}: the current key {number} is not in the ring")
    return number


class Crypto:
    """All that is done with the key ring. Raises ValueError if the ring is malformed (its values never shown).

    current, current_index: numbers of the keys that make what is new. waiting: by part, the newest key's number where
    it only reads as yet.
    """

    def __init__(self, ring: str) -> None:
        try:
            parsed = msgspec.json.decode(ring, type=_RingFile)
        except msgspec.MsgspecError as error:
            raise ValueError('KEYS: must be JSON like {"encryption":{"1":"…"},"index":{"1":"…"}}') from error
        encryption, index = _parse(parsed.encryption, "encryption"), _parse(parsed.index, "index")
        self._ciphers = {number: AESGCM(key) for number, key in encryption.items()}
        self.current = _current(parsed, "encryption", encryption)
        self.current_index = _current(parsed, "index", index)
        self.waiting = {part: parsed.newest(part) for part in PARTS if parsed.newest(part) != parsed.current_of(part)}
        self._cipher = self._ciphers[self.current]
        self._head = _HEAD.pack(_FORMAT, self.current)
        self._index = {number: hmac.new(key, digestmod=hashlib.sha256) for number, key in sorted(index.items())}
        # taken out and put in again: the current one is searched first, then the others from the newest on
        self._index_current = self._index[self.current_index] = self._index.pop(self.current_index)
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

    def holds(self, number: int) -> bool:
        """Whether fields under the encryption key of this number can be read."""
        return number in self._ciphers

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
        """The value's index under every index key, the current one first.

        Older rows wait to be re-indexed; newer ones come from programs that have the promoted ring already.
        """
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
