"""Reading `Authorization`: every reason of the contract (Notify 1.2), keys as they stand, operators' tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common import clock
from common.auth import Authenticator, Operator, ServiceKey, Why
from common.auth.bearer import Refused, RefusedUnread, refusal_reason
from common.auth.directory import NOBODY, KnownKey, KnownService, Nobody
from common.auth.operator import key_id, mint_operator_token
from common.auth.principals import Organisation, ScopeMissing, Service, require
from common.errors import NotFound, ServiceError
from common.fresh import FreshCache

SERVICE = uuid4()
SECRET, OTHER_SECRET = str(uuid4()), str(uuid4())
SIGNING = b"s" * 32
PUBLIC = Ed25519PrivateKey.from_private_bytes(SIGNING).public_key().public_bytes_raw()
SESSION = uuid4()


class Directory:
    """What the database would say."""

    def __init__(self, service: KnownService | Nobody = NOBODY) -> None:
        self.known = service
        self.public_keys = {key_id(PUBLIC): PUBLIC}
        self.open_sessions = {SESSION}
        self.asked_for: list[str] = []
        self.services = FreshCache(self._service)
        self.token_keys = FreshCache(self._token_key)
        self.sessions = FreshCache(self._session)

    async def _service(self, service_id: UUID) -> KnownService | Nobody:
        return self.known if service_id == SERVICE else NOBODY

    async def _token_key(self, kid: str) -> bytes | Nobody:
        self.asked_for.append(kid)
        return self.public_keys.get(kid, NOBODY)

    async def _session(self, session_id: UUID) -> bool | Nobody:
        return True if session_id in self.open_sessions else NOBODY


def a_known_key(secret: str = SECRET, **changed: Any) -> KnownKey:
    values = {
        "id": uuid4(),
        "name": "Web",
        "type": "live",
        "scopes": frozenset({"notify:send"}),
        "secret": secret.encode(),
        "signer": hmac.new(secret.encode(), digestmod=hashlib.sha256),
        "networks": (),
        "expires_at": None,
        "revoked_at": None,
    }
    return KnownKey(**{**values, **changed})


def a_service(*keys: KnownKey, status: Any = "live", ever_had_keys: bool = True) -> KnownService:
    organisation = Organisation(id=uuid4(), name="Borough", colour="#000000")
    service = Service(id=SERVICE, name="Parking", status=status, organisation=organisation)
    return KnownService(service=service, keys=keys, ever_had_keys=ever_had_keys)


def an_authenticator(*keys: KnownKey, **service: Any) -> Authenticator:
    return Authenticator(Directory(a_service(*keys, **service)), audience="notify")  # type: ignore[arg-type]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def a_jwt(secret: str = SECRET, *, header: Any = None, digest: str = "sha256", **claims: Any) -> str:
    given = {"iss": str(SERVICE), "iat": int(clock.epoch_s()), **claims}
    given = {name: value for name, value in given.items() if value is not ...}
    head = b64(msgspec.json.encode(header or {"typ": "JWT", "alg": "HS256"}))
    signed = f"{head}.{b64(msgspec.json.encode(given))}"
    return f"{signed}.{b64(hmac.new(secret.encode(), signed.encode(), digest).digest())}"


async def why(authenticator: Authenticator, value: str | None, address: str | None = "192.0.2.1") -> Why | None:
    with pytest.raises(ServiceError) as caught:
        await authenticator.authenticate(value, address)
    assert caught.value.status == (401 if isinstance(caught.value, RefusedUnread) else 403)
    return refusal_reason(caught.value)


async def who(authenticator: Authenticator, value: str, address: str | None = "192.0.2.1") -> Any:
    return await authenticator.authenticate(value, address)


def an_hour(sign: int) -> Any:
    return clock.now() + sign * timedelta(hours=1)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Why.MISSING),
        ("", Why.MISSING),
        ("Basic abc", Why.NOT_BEARER),
        ("Bearer", Why.NOT_BEARER),
        ("Bearer nonsense", Why.UNREADABLE),
        ("Bearer a.b", Why.UNREADABLE),
        ("Bearer a.b.c", Why.UNREADABLE),
        ("Bearer é.é.é", Why.UNREADABLE),
        (lambda: a_jwt(iss=...), Why.NO_ISSUER),
        (lambda: a_jwt(iss=None), Why.NO_ISSUER),
        (lambda: a_jwt(iss="parking"), Why.ISSUER_NOT_UUID),
        (lambda: a_jwt(iss=7), Why.ISSUER_NOT_UUID),
        (lambda: a_jwt(iss=str(uuid4())), Why.SERVICE_UNKNOWN),
        (lambda: a_jwt(iat=int(clock.epoch_s()) - 32), Why.CLOCK),
        (lambda: a_jwt(iat=int(clock.epoch_s()) + 32), Why.CLOCK),
        (lambda: a_jwt(iat="now"), Why.CLOCK),
        (lambda: a_jwt(iat=True), Why.CLOCK),
        (lambda: a_jwt(header={"typ": "JWT", "alg": "HS512"}, digest="sha512"), Why.ALGORITHM),
        (lambda: a_jwt(header={"typ": "JWT", "alg": "none"}), Why.ALGORITHM),
        (lambda: a_jwt(OTHER_SECRET), Why.KEY_UNKNOWN),
        (lambda: a_jwt(iat=...), Why.KEY_UNKNOWN),
        (lambda: a_jwt(exp=int(clock.epoch_s()) - 60), Why.UNREADABLE),
        (lambda: a_jwt(aud="notify"), Why.UNREADABLE),
        (lambda: f"web-{SERVICE}-{OTHER_SECRET}", Why.KEY_UNKNOWN),
        (lambda: f"web-{uuid4()}-{SECRET}", Why.SERVICE_UNKNOWN),
    ],
)
async def test_every_reason_of_the_contract_is_told_apart(value: Any, reason: Why) -> None:
    header = f"Bearer {value()}" if callable(value) else value
    assert await why(an_authenticator(a_known_key()), header) is reason


@pytest.mark.parametrize("credentials", [lambda: a_jwt(), lambda: f"web-site-{SERVICE}-{SECRET}"])
@pytest.mark.parametrize(
    ("authenticator", "reason"),
    [
        (lambda: an_authenticator(ever_had_keys=False), Why.NO_KEYS),
        (lambda: an_authenticator(a_known_key(), status="archived"), Why.SERVICE_ARCHIVED),
        (lambda: an_authenticator(a_known_key(), status="suspended"), Why.SERVICE_SUSPENDED),
        (lambda: an_authenticator(a_known_key(revoked_at=clock.now())), Why.REVOKED),
        (lambda: an_authenticator(a_known_key(expires_at=an_hour(-1))), Why.EXPIRED),
        (lambda: an_authenticator(a_known_key(networks=(ip_network("10.0.0.0/8"),))), Why.NETWORK),
    ],
)
async def test_state_of_service_and_key_is_told_by_both_kinds_of_credentials(
    credentials: Any, authenticator: Any, reason: Why
) -> None:
    assert await why(authenticator(), f"Bearer {credentials()}") is reason


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_right_credentials_name_service_key_and_scopes(scheme: str) -> None:
    key = a_known_key(type="test", expires_at=an_hour(1), networks=(ip_network("192.0.2.0/24"),))
    authenticator = an_authenticator(a_known_key(OTHER_SECRET), key)
    for value in (a_jwt(), f"a-name-with-hyphens-{SERVICE}-{SECRET}", f"{SERVICE}-{SECRET}"):
        found = await who(authenticator, f"{scheme} {value}")
        assert isinstance(found, ServiceKey)
        assert (found.service_id, found.key_id, found.mode) == (SERVICE, key.id, "test")


@pytest.mark.parametrize("offset_s", [-29, 0, 29])
async def test_token_is_good_for_thirty_seconds_either_way(offset_s: int) -> None:
    found = await who(an_authenticator(a_known_key()), f"Bearer {a_jwt(iat=int(clock.epoch_s()) + offset_s)}")
    assert found.service_id == SERVICE


async def test_network_that_cannot_be_told_is_not_allowed() -> None:
    authenticator = an_authenticator(a_known_key(networks=(ip_network("192.0.2.0/24"),)))
    assert await why(authenticator, f"Bearer {a_jwt()}", None) is Why.NETWORK


def test_scope_is_required() -> None:
    operator = Operator(operator="j", session_id=SESSION, service_id=None, scopes=frozenset({"notify:read"}))
    require(operator, "notify:read")
    with pytest.raises(ScopeMissing):
        require(operator, "notify:send")
    assert refusal_reason(NotFound("x")) is None


# operators -------------------------------------------------------------------


def a_token(**changed: Any) -> str:
    values: dict[str, Any] = {
        "audience": "notify",
        "operator": "j.smith",
        "session_id": SESSION,
        "service_id": SERVICE,
        "scopes": ["notify:read"],
    }
    return mint_operator_token(changed.pop("key", SIGNING), **{**values, **changed})


@pytest.mark.parametrize("audience", ["notify", "*"])
async def test_operator_token_names_operator_service_and_scopes(audience: str) -> None:
    found = await who(an_authenticator(), f"Bearer {a_token(audience=audience)}")
    assert found == Operator(
        operator="j.smith", session_id=SESSION, service_id=SERVICE, scopes=frozenset({"notify:read"})
    )
    everywhere = await who(an_authenticator(), f"Bearer {a_token(service_id=None)}")
    assert everywhere.service_id is None


def changed_body(token: str, **claims: Any) -> str:
    head, body, signature = token.split(".")
    held = msgspec.json.decode(base64.urlsafe_b64decode(body + "=="))
    return f"{head}.{b64(msgspec.json.encode({**held, **claims}))}.{signature}"


def signed(claims: dict[str, Any]) -> str:
    """A token that the right key signed over claims that it never should."""
    head, body, _ = a_token().split(".")
    held = msgspec.json.decode(base64.urlsafe_b64decode(body + "=="))
    text = f"{head}.{b64(msgspec.json.encode({**held, **claims}))}"
    return f"{text}.{b64(Ed25519PrivateKey.from_private_bytes(SIGNING).sign(text.encode()))}"


@pytest.mark.parametrize(
    "token",
    [
        lambda: a_token(audience="pay"),
        lambda: a_token(key=b"x" * 32),
        lambda: a_token(session_id=uuid4()),
        lambda: changed_body(a_token(), service="*"),
        lambda: changed_body(a_token(), scopes=["notify:operate"]),
        lambda: signed({"iss": "somebody"}),
        lambda: signed({"exp": int(clock.epoch_s()) + 3600}),
        lambda: signed({"iat": int(clock.epoch_s()) + 60, "exp": int(clock.epoch_s()) + 90}),
        lambda: signed({"service": "parking"}),
        lambda: a_token().rsplit(".", 1)[0] + ".",
        lambda: a_token()[:-4] + "AAAA",
    ],
)
async def test_operator_token_that_is_forged_or_for_others_is_refused(token: Any) -> None:
    assert await why(an_authenticator(), f"Bearer {token()}") is Why.OPERATOR_TOKEN


@pytest.mark.parametrize(
    "kid", ["", "\0", "\ud800", "a" * 15 + "\0", "a" * 15, "a" * 17, "A" * 16, "g" * 16, "a" * 16 + "\n", "٣" * 16]
)
async def test_key_id_that_we_never_made_is_not_looked_for(kid: str) -> None:
    """PostgreSQL takes no NUL and no lone surrogate: such a name must not reach it."""
    directory = Directory()
    _, body, signature = a_token().split(".")
    head = b64(json.dumps({"alg": "EdDSA", "typ": "operator+jwt", "kid": kid}).encode())
    authenticator = Authenticator(directory, audience="notify")  # type: ignore[arg-type]
    with pytest.raises(Refused):
        await authenticator.authenticate(f"Bearer {head}.{body}.{signature}", None)
    assert directory.asked_for == []


async def test_operator_token_ends_on_time() -> None:
    token = a_token(valid_s=60)
    with clock.shifted(timedelta(seconds=59)):
        assert (await who(an_authenticator(), f"Bearer {token}")).operator == "j.smith"
    with clock.shifted(timedelta(seconds=62)):
        assert await why(an_authenticator(), f"Bearer {token}") is Why.OPERATOR_TOKEN


async def test_operator_token_never_lives_longer_than_five_minutes() -> None:
    token = a_token(valid_s=86_400)
    with clock.shifted(timedelta(seconds=302)):
        assert await why(an_authenticator(), f"Bearer {token}") is Why.OPERATOR_TOKEN


@pytest.mark.parametrize("alg", ["none", "HS256"])
async def test_operator_token_cannot_choose_another_algorithm(alg: str) -> None:
    """Else the public key, which everybody may know, would serve as an HMAC secret."""
    _, body, _ = a_token().split(".")
    head = b64(msgspec.json.encode({"alg": alg, "typ": "operator+jwt", "kid": key_id(PUBLIC)}))
    text = f"{head}.{body}"
    forged = f"{text}.{b64(hmac.new(PUBLIC, text.encode(), 'sha256').digest())}"
    with pytest.raises(Refused):
        await an_authenticator(a_known_key()).authenticate(f"Bearer {forged}", None)
