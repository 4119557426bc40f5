"""What a program that moves money reads from its environment."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

_KEYS = r"^([rs]k_(live|test)_\w+( +[rs]k_(live|test)_\w+)?)?$"


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Pay reaches those who move the money."""

    stripe_api_key: Annotated[
        str,
        Meta(
            pattern=_KEYS,
            description="Stripe's secret key; a live and a test one may stand side by side, separated by a space. "
            "Each serves accounts of its own mode. Empty: only accounts with a key of their own. "
            "Use STRIPE_API_KEY_FILE.",
        ),
    ] = ""
    stripe_webhook_secrets: Annotated[
        str,
        Meta(
            pattern=r"^(whsec_\S+( +whsec_\S+)*)?$",
            description="Signing secrets of Stripe's webhooks (one for each endpoint, and the new beside the old while "
            "they change), separated by spaces. Use STRIPE_WEBHOOK_SECRETS_FILE.",
        ),
    ] = ""
    stripe_api_base: Annotated[
        str, Meta(pattern=r"^(https?://[^\s/]+)?$", description="Another address than Stripe's own, for tests.")
    ] = ""
    stripe_timeout_s: Annotated[float, Meta(ge=1, le=80, description="Seconds to wait for each answer of Stripe.")] = (
        20.0
    )
    stripe_deadline_s: Annotated[
        float, Meta(ge=1, le=120, description="Seconds that a call to Stripe may take with all its repeats.")
    ] = 30.0
    sandbox_faults: Annotated[
        str,
        Meta(
            description="What the sandbox is to do wrong, to try recovery: rules such as `capture:timeout-after*2 "
            "refund:kill-before`. Faults: timeout-before, timeout-after, error-before, kill-before, kill-after."
        ),
    ] = ""
