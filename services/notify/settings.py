"""What Notify's programs read from their environment."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from common.http.settings import ServerSettings
from common.queue.worker import WorkerMetricsSettings
from common.settings import CommonSettings
from services.notify.channels.settings import ChannelSettings


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What Notify's API and worker share."""

    public_url: Annotated[
        str,
        Meta(
            pattern=r"^https?://[^/]+$",
            description="Where callers and the public reach Notify; stands in answers and unsubscribe links.",
        ),
    ] = "http://127.0.0.1:8001"
    email_domain: Annotated[
        str, Meta(pattern=r"^[a-z0-9.-]+$", description="Domain of the address that e-mails come from.")
    ] = "notify.localhost"
    default_sms_sender: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9 &.\-_]{3,11}$", description="Sender of texts of a service that has set none.")
    ] = "COLONNADE"
    sms_rate: Annotated[
        float, Meta(ge=0, description="Price of one fragment of a text in pounds, for cost_in_pounds on the wire.")
    ] = 0.0
    sms_rates_file: Annotated[
        str | None,
        Meta(
            description="JSON file that changes rates abroad, by prefix: "
            '{"353": {"multiplier": 3, "has_delivery_receipts": true}}; null withdraws a country.'
        ),
    ] = None
    admin_url: Annotated[str, Meta(description="Address of the console, for the texts that point there.")] = (
        "http://127.0.0.1:8000"
    )


class ApiSettings(ServerSettings, frozen=True, kw_only=True):
    """Notify's API."""

    notify: NotifySettings
    receipts_token: Annotated[
        str | None,
        Meta(description="Bearer token that providers post receipts with; unset: receipts are refused. Secret."),
    ] = None


class WorkerSettings(CommonSettings, frozen=True, kw_only=True):
    """Notify's worker: delivery, receipts overdue, retention."""

    notify: NotifySettings
    channels: ChannelSettings
    metrics: WorkerMetricsSettings
    attempts_per_recipient_hour: Annotated[
        int, Meta(ge=0, description="Most messages to one recipient in an hour, a guard against pumping; 0: no limit.")
    ] = 100
    delivery_batch: Annotated[int, Meta(ge=1, le=1000, description="Messages claimed at a time.")] = 200
    delivery_concurrency: Annotated[int, Meta(ge=1, le=16, description="Batches in hand at a time, for each lane.")] = 2
