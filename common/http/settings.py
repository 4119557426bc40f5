"""What a program that serves HTTP reads besides the common settings."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from common.settings import CommonSettings


class ServerSettings(CommonSettings, frozen=True, kw_only=True):
    """Where and how a program listens, and which build it is."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 0
    processes: Annotated[
        int, Meta(ge=1, le=64, description="API processes, each with its own listening socket on the port.")
    ] = 1
    trusted_proxies: Annotated[
        str,
        Meta(description="Addresses or networks of proxies whose X-Forwarded-For is believed, separated by commas."),
    ] = ""
    git_commit: Annotated[str, Meta(description="Commit that this build was made from, shown by /_status.")] = "unknown"
    build_time: Annotated[str, Meta(description="When this build was made, shown by /_status.")] = "unknown"
