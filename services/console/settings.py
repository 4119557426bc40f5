"""What the console reads from its environment."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from common.http.settings import ServerSettings

WebAddress = Annotated[str, Meta(pattern=r"^https?://[^/\s]+$")]


class ConsoleSettings(ServerSettings, frozen=True, kw_only=True):
    """The console: where the other programs are reached, as people's browsers reach them."""

    notify_url: Annotated[WebAddress | None, Meta(description="Notify's address.")] = None
    pay_url: Annotated[WebAddress | None, Meta(description="Pay's address.")] = None
    forms_url: Annotated[WebAddress | None, Meta(description="Forms' address.")] = None
    inbox_url: Annotated[WebAddress | None, Meta(description="The local inbox's address, where there is one.")] = None
    default_region: Annotated[
        str, Meta(pattern="^[A-Z]{2}$", description="Region whose national telephone numbers members are given with.")
    ] = "GB"
