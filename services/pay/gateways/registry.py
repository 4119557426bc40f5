"""Every provider there is, and the gateway of an account."""

from __future__ import annotations

from common.db import Database
from services.pay.gateways.protocol import Account, Gateway
from services.pay.gateways.sandbox.faults import Faults
from services.pay.gateways.sandbox.provider import SandboxProvider
from services.pay.gateways.settings import GatewaySettings
from services.pay.gateways.stripe_gateway.platform import StripePlatform


class Gateways:
    """One for a process. Raises ValueError if a setting is wrong.

    challenge_url: where `sandbox.challenge` is served, the reference to be put at its end.
    sandbox_secret: seals the sandbox's events, the same in all processes.
    """

    def __init__(self, db: Database, settings: GatewaySettings, *, challenge_url: str, sandbox_secret: str) -> None:
        self.sandbox = SandboxProvider(
            db, challenge_url=challenge_url, secret=sandbox_secret, faults=Faults(settings.sandbox_faults)
        )
        self.stripe = StripePlatform(
            tuple(settings.stripe_api_key.split()),
            webhook_secrets=tuple(settings.stripe_webhook_secrets.split()),
            api_base=settings.stripe_api_base or None,
            timeout_s=settings.stripe_timeout_s,
            deadline_s=settings.stripe_deadline_s,
        )

    def of(self, account: Account) -> Gateway:
        """The gateway of an account. Raises PermanentProviderError if it has no key."""
        if account.provider == "sandbox":
            return self.sandbox.of(account)
        return self.stripe.of(account)

    async def close(self) -> None:
        """Let go of all connections."""
        await self.stripe.close()
