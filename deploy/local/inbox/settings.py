"""Settings of the local inbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from common.settings import SettingsError, load

ListenPort = Annotated[int, Meta(ge=0, le=65535)]


class InboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the local inbox reads from its environment."""

    inbox_http_port: Annotated[
        ListenPort, Meta(description="Port of the web page, the API and the text gateway; 0 takes a free one.")
    ] = 8025
    inbox_smtp_port: Annotated[ListenPort, Meta(description="Port of the mail server; 0 takes a free one.")] = 1025
    inbox_dir: Annotated[
        str, Meta(min_length=1, description="Folder that keeps the newest 2,000 messages across restarts.")
    ] = "var/inbox"
    inbox_receipts_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://\S+)?$",
            description="Base address of Notify, to which delivery receipts are posted. Empty: no receipts.",
        ),
    ] = ""
    inbox_receipts_token: Annotated[
        str, Meta(description="Bearer token of the receipts. Secret: use INBOX_RECEIPTS_TOKEN_FILE.")
    ] = ""
    inbox_gateway_key: Annotated[
        str,
        Meta(
            description="Key that callers of the text gateway must show; empty: any key will do. "
            "Secret: use INBOX_GATEWAY_KEY_FILE."
        ),
    ] = ""


def read_settings(environment: Mapping[str, str] | None = None) -> InboxSettings:
    """The inbox's settings. Raises SettingsError, also when receipts have an address but no token."""
    settings = load(InboxSettings, environment)
    if settings.inbox_receipts_url and not settings.inbox_receipts_token:
        raise SettingsError(["INBOX_RECEIPTS_TOKEN, or the file it names: is empty, and INBOX_RECEIPTS_URL is set"])
    return settings
