"""The scopes there are. A key or a token holds some of them; a route asks for one."""

from __future__ import annotations

SCOPES: dict[str, str] = {
    "notify:send": "Send messages and cancel scheduled ones.",
    "notify:read": "Read messages, templates and settings.",
    "notify:templates": "Create, change and archive templates.",
    "notify:settings": "Change senders, reply-to addresses, guest list, channels, limits and retention.",
    "notify:operate": "Watch and replay queues; read the audit log.",
    "pay:take": "Create, capture and cancel payments.",
    "pay:read": "Read payments.",
    "pay:refund": "Refund payments.",
    "forms:read": "Read forms and submissions.",
    "forms:build": "Create, change and publish forms.",
    "platform:read": "Read organisations, services, members and keys.",
    "platform:members": "Add and remove members of a service.",
    "platform:manage": "Create and change organisations, services and keys.",
}

# what a key gets when it is issued without a list: configuration is shared by live and test, so only a live key
# changes it unless it is asked for
_DEFAULTS = {
    "live": ("notify:send", "notify:read", "notify:templates"),
    "team": ("notify:send", "notify:read"),
    "test": ("notify:send", "notify:read"),
}


def default_scopes(key_type: str) -> tuple[str, ...]:
    """The scopes of a key that was issued without a list."""
    return _DEFAULTS.get(key_type, ())


def unknown(scopes: list[str] | tuple[str, ...]) -> list[str]:
    """Those that are not scopes at all."""
    return [scope for scope in scopes if scope not in SCOPES]
