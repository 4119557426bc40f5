"""Channels from settings. Wrong settings stop the start with one line each."""

from __future__ import annotations

import socket
import ssl
from typing import Final

from common.settings import SettingsError
from services.notify.channels.protocol import EmailChannel, TextChannel
from services.notify.channels.settings import ChannelSettings
from services.notify.channels.sms_http import HttpTextChannel
from services.notify.channels.smtp import SmtpChannel
from services.notify.channels.smtp_connection import Relay

_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def _tls_context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError([f"SMTP_CA_FILE: cannot read certificates from {ca_file}"]) from error


def open_email_channel(settings: ChannelSettings) -> EmailChannel:
    """E-mail by the relay of the settings; connects when the first message comes. Raises SettingsError."""
    if settings.smtp_username and settings.smtp_tls == "none" and settings.smtp_host not in _THIS_MACHINE:
        raise SettingsError(["SMTP_TLS: must be starttls or tls, or the password would cross the network in the clear"])
    relay = Relay(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        tls_context=None if settings.smtp_tls == "none" else _tls_context(settings.smtp_ca_file),
        username=settings.smtp_username,
        password=settings.smtp_password,
        ehlo_name=settings.smtp_ehlo_name or socket.gethostname(),
        timeout_s=settings.smtp_timeout_s,
        final_timeout_s=settings.smtp_final_timeout_s,
        pipelining=settings.smtp_pipeline_depth > 1,
    )
    return SmtpChannel(
        relay,
        connections=settings.smtp_connections,
        pipeline_depth=settings.smtp_pipeline_depth,
        reports_receipts=settings.smtp_reports_receipts,
    )


def open_text_channel(settings: ChannelSettings) -> TextChannel:
    """Texts by the gateway of the settings; connects when the first text comes. Raises SettingsError."""
    faults = []
    if not settings.sms_gateway_url:
        faults.append("SMS_GATEWAY_URL: is required to deliver texts and not set")
    if not settings.sms_gateway_key:
        faults.append("SMS_GATEWAY_KEY: is required to deliver texts and not set")
    if faults:
        raise SettingsError(faults)
    return HttpTextChannel(
        settings.sms_gateway_url,
        settings.sms_gateway_key,
        connections=settings.sms_gateway_connections,
        timeout_s=settings.sms_gateway_timeout_s,
        reports_receipts=settings.sms_gateway_reports_receipts,
    )
