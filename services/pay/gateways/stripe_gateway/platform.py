"""Stripe as a whole: one transport, a client for each key, and the gateway of each account."""

from __future__ import annotations

from collections.abc import Mapping

import stripe

from common.errors import PermanentProviderError
from services.pay.gateways.outcomes import ProviderEvent
from services.pay.gateways.protocol import Account, Mode
from services.pay.gateways.stripe_gateway import events
from services.pay.gateways.stripe_gateway.calls import Transport
from services.pay.gateways.stripe_gateway.gateway import StripeGateway

_MOST_CLIENTS = 500


def mode_of(api_key: str) -> Mode | None:
    """Which mode a secret or restricted key is for; None = it is no such key."""
    for mode in ("live", "test"):
        if api_key.startswith((f"sk_{mode}_", f"rk_{mode}_")):
            return "live" if mode == "live" else "test"
    return None


class StripePlatform:
    """All accounts at Stripe.

    api_keys: the platform's own keys, at most one for each mode. webhook_secrets: of every endpoint and rotation.
    api_base: another address than Stripe's, for tests. network_retries: of stripe-python, under the same key.
    Raises ValueError for what is no secret key, and for two of one mode.
    """

    def __init__(
        self,
        api_keys: tuple[str, ...] = (),
        *,
        webhook_secrets: tuple[str, ...] = (),
        api_base: str | None = None,
        timeout_s: float = 20.0,
        deadline_s: float = 30.0,
        network_retries: int = 2,
    ) -> None:
        self._keys: dict[Mode, str] = {}
        for api_key in api_keys:
            mode = mode_of(api_key)
            if mode is None or mode in self._keys:
                raise ValueError("must be secret keys (sk_… or rk_…), at most one live and one test")
            self._keys[mode] = api_key
        self._secrets = webhook_secrets
        self._base = api_base
        self._deadline_s = deadline_s
        self._retries = network_retries
        self._transport = Transport(timeout_s=timeout_s)
        self._clients: dict[str, stripe.StripeClient] = {}

    def of(self, account: Account) -> StripeGateway:
        """The gateway of one account. Raises PermanentProviderError if there is no key of the account's mode."""
        api_key = account.api_key or self._keys.get(account.mode)
        # a live key in a test account would take real money, a test key in a live one would give goods for none
        if api_key is None or mode_of(api_key) != account.mode:
            raise PermanentProviderError(f"no {account.mode} key for Stripe")
        return StripeGateway(
            self._client(api_key),
            connected_account=account.connected_account,
            secrets=self._secrets,
            deadline_s=self._deadline_s,
        )

    def _client(self, api_key: str) -> stripe.StripeClient:
        client = self._clients.get(api_key)
        if client is None:
            if len(self._clients) >= _MOST_CLIENTS:
                self._clients.clear()
            client = self._clients[api_key] = stripe.StripeClient(
                api_key,
                base_addresses={"api": self._base} if self._base else {},
                http_client=self._transport,
                max_network_retries=self._retries,
            )
        return client

    def read_events(self, raw: bytes, headers: Mapping[str, str]) -> list[ProviderEvent]:
        """What Stripe posted, for whichever account. Raises BadEvent."""
        return events.read(raw, headers, self._secrets)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._transport.close_async()
