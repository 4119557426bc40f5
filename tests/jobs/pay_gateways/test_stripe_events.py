"""Stripe's webhooks as our own Stripe server sends them, and how strict that server is."""

from __future__ import annotations

import http.server
import re
import threading
import time
from pathlib import Path

import httpx
import pytest

from services.pay.gateways.protocol import BadEvent
from services.pay.gateways.stripe_gateway.events import KINDS
from services.pay.gateways.stripe_gateway.platform import StripePlatform
from services.pay.testing.stripe_server.server import API_KEY, SECRET

ROOT = Path(__file__).parents[3]
PAGES = {"success_url": "https://team.example/ok", "cancel_url": "https://team.example/no", "language": "en"}

# events ---------------------------------------------------------------------------------------------------------------


async def test_payment_is_told_step_by_step(stripe_rig, make_order, make_key):
    order = make_order()
    made = await stripe_rig.gateway.hosted_entry(order, **PAGES, key=make_key())
    stripe_rig.fake.pay(made.url, "4000000000000002")
    stripe_rig.fake.pay(made.url, "4242424242424242")
    reference = (await stripe_rig.gateway.finish_action(made.provider_reference)).provider_reference
    await stripe_rig.gateway.capture(reference, 14500, key=make_key())
    events = stripe_rig.told()
    assert [event.kind for event in events] == ["rejected", "authorised", "entry-finished", "captured"]
    assert {event.public_id for event in events} == {order.public_id}
    assert not any(event.is_live for event in events)
    assert events[2].provider_reference == made.provider_reference


async def test_any_of_several_secrets_will_do(stripe_rig, fake):
    platform = StripePlatform(webhook_secrets=("whsec_new", SECRET))
    await stripe_rig.authorised()
    event = fake.undelivered()[0]
    for secrets in ((SECRET,), ("whsec_new",), ("whsec_other", "whsec_new")):
        assert platform.read_events(*fake.signed(event, secrets=secrets))
    with pytest.raises(BadEvent, match="signature"):
        platform.read_events(*fake.signed(event, secrets=("whsec_other",)))
    with pytest.raises(BadEvent, match="signature"):
        StripePlatform().read_events(*fake.signed(event))


async def test_event_that_was_touched_or_is_old_is_refused_by_stripe(stripe_rig, fake):
    await stripe_rig.authorised()
    event = fake.undelivered()[0]
    raw, headers = fake.signed(event)
    for body, sent in ((raw + b" ", headers), (raw, {}), (b"\xff", headers), (raw, {"stripe-signature": "t=x"})):
        with pytest.raises(BadEvent):
            stripe_rig.gateway.read_events(body, sent)
    with pytest.raises(BadEvent, match="old"):
        stripe_rig.gateway.read_events(*fake.signed(event, at=int(time.time()) - 301))
    assert stripe_rig.gateway.read_events(raw, {"Stripe-Signature": headers["stripe-signature"]})


async def test_event_that_does_not_concern_us_is_let_go(stripe_rig, fake):
    await stripe_rig.authorised()
    event = {**fake.undelivered()[0], "type": "customer.updated"}
    assert stripe_rig.gateway.read_events(*fake.signed(event)) == []
    event["object"] = "list"
    with pytest.raises(BadEvent, match="unreadable"):
        stripe_rig.gateway.read_events(*fake.signed(event))


async def test_events_come_twice_and_in_any_order(stripe_rig, fake):
    got = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            raw = self.rfile.read(int(self.headers["content-length"]))
            got.extend(stripe_rig.gateway.read_events(raw, dict(self.headers)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Nothing to say."""

    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=receiver.serve_forever)
    thread.start()
    try:
        fake.webhook_url = f"http://127.0.0.1:{receiver.server_port}/"
        await stripe_rig.captured()
        assert set(fake.deliver(order="reversed", times=2)) == {200}
    finally:
        fake.webhook_url = None
        receiver.shutdown()
        thread.join()
        receiver.server_close()
    kinds = [event.kind for event in got]
    assert kinds == ["captured", "entry-finished", "authorised"] * 2
    assert len({event.id for event in got}) == 3


def test_docs_name_the_events_to_tick():
    text = (ROOT / "docs" / "stripe.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^- `([a-z_.]+)`$", text, re.MULTILINE))
    assert named == set(KINDS)


# the server is strict -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"payment_method_types[0]": "card"}, "payment_method_types_no_longer_supported"),
        ({"automatic_tax[enabld]": "true"}, "parameter_unknown"),
        ({"mode": "payment", "success_url": "x"}, "parameter_missing"),
    ],
)
def test_server_refuses_what_stripe_refuses(fake, form, code):
    headers = {"authorization": f"Bearer {API_KEY}", "stripe-version": "2026-10-28.endive"}
    with httpx.Client(trust_env=False, headers=headers) as client:
        answer = client.post(f"{fake.url}/v1/checkout/sessions", data=form)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
        assert client.post(f"{fake.url}/v1/refunds", headers={"stripe-version": "2020-08-27"}).status_code == 400
        assert client.post(f"{fake.url}/v1/refunds", headers={"authorization": "Bearer x"}).status_code == 401
        assert client.get(f"{fake.url}/v1/invoices").status_code == 404
