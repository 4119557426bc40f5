"""What a program that delivers messages reads from its environment."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from common.settings import Port


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How e-mail and texts leave the house."""

    smtp_host: Annotated[str, Meta(min_length=1, description="Relay that takes our e-mail.")] = "localhost"
    smtp_port: Annotated[Port, Meta(description="Its port: 587 or 25 with starttls, 465 with tls.")] = 587
    smtp_tls: Annotated[
        Literal["none", "starttls", "tls"],
        Meta(description="Encryption: starttls, tls from the first byte, or none (for a relay on the same machine)."),
    ] = "starttls"
    smtp_username: Annotated[str, Meta(description="User name at the relay; empty = no authentication.")] = ""
    smtp_password: Annotated[str, Meta(description="Its password. Secret: use SMTP_PASSWORD_FILE.")] = ""
    smtp_ca_file: Annotated[
        str, Meta(description="PEM file with the only authorities that may vouch for the relay; empty = the system's.")
    ] = ""
    smtp_ehlo_name: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9.\-]*$", description="Our name in EHLO; empty = this machine's name.")
    ] = ""
    smtp_connections: Annotated[int, Meta(ge=1, le=100, description="Connections kept open to the relay.")] = 8
    smtp_pipeline_depth: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Messages in flight for each connection: those that a crash may send twice. "
            "1 = never pipeline commands, for a relay that offers it but does it badly.",
        ),
    ] = 10
    smtp_timeout_s: Annotated[
        float, Meta(ge=1, le=600, description="Seconds to wait for a connection and for each of the relay's replies.")
    ] = 30.0
    smtp_final_timeout_s: Annotated[
        float,
        Meta(
            ge=1,
            le=900,
            description="Seconds to wait for the reply to a whole message. A short wait makes duplicates: "
            "the relay may still be checking what it then takes.",
        ),
    ] = 120.0
    smtp_reports_receipts: Annotated[
        bool,
        Meta(
            description="Something posts e-mail receipts to Notify; else acceptance by the relay counts as delivered."
        ),
    ] = False
    sms_gateway_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s?#]+)?$",
            description="Base address of the SMS gateway (docs/sms-gateway.md); https on any network you do not trust.",
        ),
    ] = ""
    sms_gateway_key: Annotated[
        str, Meta(pattern=r"^[!-~]*$", description="Our key at the gateway. Secret: use SMS_GATEWAY_KEY_FILE.")
    ] = ""
    sms_gateway_connections: Annotated[int, Meta(ge=1, le=200, description="Texts in flight at one time.")] = 16
    sms_gateway_timeout_s: Annotated[
        float, Meta(ge=0.1, le=120, description="Seconds to wait for the gateway's answer.")
    ] = 10.0
    sms_gateway_reports_receipts: Annotated[
        bool, Meta(description="The gateway posts receipts to Notify; else its acceptance counts as delivered.")
    ] = True
