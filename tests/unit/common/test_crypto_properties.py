"""Sealed fields, blind indexes, keyed hashes and signed tokens."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import clock
from common.crypto import BadToken, Crypto, UnknownKey, UnreadableBlob, new_ring, promoted, with_new_key

RING = new_ring()
CRYPTO = Crypto(RING)
ROTATED = with_new_key(with_new_key(RING), part="index")
READS_NEWER = Crypto(ROTATED)
OLDER_AND_NEWER = Crypto(promoted(ROTATED))
ROW, SERVICE = uuid4(), uuid4()
uuids = st.uuids()


def seal(plain: bytes, crypto: Crypto = CRYPTO) -> bytes:
    return crypto.seal(plain, table="t", row=ROW, service=SERVICE)


def unseal(
    blob: bytes, crypto: Crypto = CRYPTO, *, table: str = "t", row: UUID = ROW, service: UUID = SERVICE
) -> bytes:
    return crypto.open(blob, table=table, row=row, service=service)


@given(st.binary(max_size=2000))
def test_sealed_field_opens_to_what_it_was(plain: bytes) -> None:
    assert unseal(seal(plain)) == plain


@given(st.binary(max_size=200))
def test_same_field_is_never_sealed_alike(plain: bytes) -> None:
    assert seal(plain) != seal(plain)


def test_nonces_do_not_repeat_over_blocks() -> None:
    assert len({seal(b"")[3:15] for _ in range(2_000)}) == 2_000


@given(st.binary(max_size=100), st.data())
def test_changed_field_does_not_open(plain: bytes, data: st.DataObject) -> None:
    blob = bytearray(seal(plain))
    place = data.draw(st.integers(0, len(blob) - 1))
    blob[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UnreadableBlob):
        unseal(bytes(blob))


@given(st.binary(max_size=60))
def test_nonsense_does_not_open(blob: bytes) -> None:
    with pytest.raises(UnreadableBlob):
        unseal(blob)


def test_field_moved_elsewhere_does_not_open() -> None:
    blob = seal(b"x")
    for moved in ({"table": "u"}, {"row": uuid4()}, {"service": uuid4()}):
        with pytest.raises(UnreadableBlob):
            unseal(blob, **moved)  # type: ignore[arg-type]


def test_promoted_ring_opens_older_fields_and_seals_with_its_newest_key() -> None:
    assert unseal(seal(b"x"), OLDER_AND_NEWER) == b"x"
    newer = seal(b"x", OLDER_AND_NEWER)
    assert (Crypto.key_number(newer), OLDER_AND_NEWER.current, OLDER_AND_NEWER.waiting) == (2, 2, {})
    with pytest.raises(UnknownKey):
        unseal(newer)


def test_rotated_ring_makes_nothing_that_the_ring_before_it_cannot_read() -> None:
    assert READS_NEWER.waiting == {"encryption": 2, "index": 2}
    assert unseal(seal(b"x", READS_NEWER)) == b"x"
    assert CRYPTO.verify("p", READS_NEWER.sign("p", {"m": "x"}, valid_s=60)) == {"m": "x"}
    assert READS_NEWER.index(SERVICE, "x") == CRYPTO.index(SERVICE, "x")


def test_rotated_ring_reads_what_the_promoted_one_makes() -> None:
    assert unseal(seal(b"x", OLDER_AND_NEWER), READS_NEWER) == b"x"
    assert READS_NEWER.verify("p", OLDER_AND_NEWER.sign("p", {}, valid_s=60)) == {}
    assert OLDER_AND_NEWER.index(SERVICE, "x") in READS_NEWER.index_candidates(SERVICE, "x")


def test_one_part_is_promoted_without_the_other() -> None:
    ring = Crypto(promoted(ROTATED, parts=["index"]))
    assert (ring.current, ring.current_index, ring.waiting) == (1, 2, {"encryption": 2})


def test_ring_that_names_no_current_key_uses_its_highest() -> None:
    keys = {part: keys for part, keys in json.loads(ROTATED).items() if part != "current"}
    ring = Crypto(json.dumps(keys))
    assert (ring.current, ring.current_index, ring.waiting) == (2, 2, {})


@given(uuids, uuids, st.text(max_size=50), st.text(max_size=50))
def test_index_is_equal_exactly_for_the_same_service_and_value(a: UUID, b: UUID, one: str, other: str) -> None:
    assert (CRYPTO.index(a, one) == CRYPTO.index(b, other)) == ((a, one) == (b, other))
    assert len(CRYPTO.index(a, one)) == 16


@pytest.mark.parametrize("ring", [OLDER_AND_NEWER, READS_NEWER])
def test_index_candidates_hold_every_key_the_current_one_first(ring: Crypto) -> None:
    found = ring.index_candidates(SERVICE, "x")
    assert found[0] == ring.index(SERVICE, "x")
    assert set(found) == {OLDER_AND_NEWER.index(SERVICE, "x"), CRYPTO.index(SERVICE, "x")}


@given(st.lists(st.binary(max_size=20), max_size=4), st.lists(st.binary(max_size=20), max_size=4))
def test_request_hash_tells_any_two_requests_apart(one: list[bytes], other: list[bytes]) -> None:
    assert (CRYPTO.request_hash(*one) == CRYPTO.request_hash(*other)) == (one == other)


def test_request_hash_outlives_a_rotation() -> None:
    """Else every Idempotency-Key of the day would seem reused with another body."""
    assert OLDER_AND_NEWER.request_hash(b"x") == CRYPTO.request_hash(b"x")


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
def test_signed_token_gives_its_claims_back(claims: dict[str, str]) -> None:
    token = CRYPTO.sign("p", claims, valid_s=60)
    assert CRYPTO.verify("p", token) == claims
    assert OLDER_AND_NEWER.verify("p", token) == claims


@given(st.data())
def test_changed_token_is_refused(data: st.DataObject) -> None:
    token = CRYPTO.sign("p", {"m": "x"}, valid_s=60)
    place = data.draw(st.integers(0, len(token) - 2))  # the last character may hold bits that mean nothing
    letter = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda c: c != token[place]))
    with pytest.raises(BadToken):
        CRYPTO.verify("p", token[:place] + letter + token[place + 1 :])


@given(st.text(max_size=80))
def test_nonsense_is_no_token(text: str) -> None:
    with pytest.raises(BadToken):
        CRYPTO.verify("p", text)


def test_token_of_another_purpose_or_past_its_time_is_refused() -> None:
    token = CRYPTO.sign("p", {}, valid_s=60)
    with pytest.raises(BadToken):
        CRYPTO.verify("q", token)
    with clock.shifted(timedelta(seconds=62)), pytest.raises(BadToken, match="out of date"):
        CRYPTO.verify("p", token)


@pytest.mark.parametrize(
    "ring",
    [
        "",
        "{}",
        '{"encryption":{},"index":{}}',
        '{"encryption":{"1":"c2hvcnQ="},"index":{"1":"c2hvcnQ="}}',
        RING.replace('"1"', '"0"'),
        RING.replace('"1"', '"65536"'),
        RING.replace('"1"', '"one"'),
        RING.replace("{", '{"other":{},', 1),
        RING.replace("{", '{"current":{"encryption":2},', 1),
        RING.replace("{", '{"current":{"index":2},', 1),
        RING.replace("{", '{"current":{"other":1},', 1),
    ],
)
def test_malformed_ring_is_refused_and_not_shown(ring: str) -> None:
    with pytest.raises(ValueError) as caught:
        Crypto(ring)
    assert "c2hvcnQ=" not in str(caught.value)
