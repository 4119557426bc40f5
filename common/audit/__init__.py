"""Who did what to what: append-only events, written in the transaction of the change."""

from common.audit.actions import Action
from common.audit.events import Actor, AuditEvent, list_events, record

__all__ = ["Action", "Actor", "AuditEvent", "list_events", "record"]
