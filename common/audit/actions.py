"""Everything that is written to an audit log: `component:subject:action`, all of it in this one place.

A new word is added here first. It is the one list in `common` that knows the words of the services' business, because
whoever reads an audit log reads that of all services.
"""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What was done to what."""

    ORGANISATION_CREATE = "platform:organisation:create"
    ORGANISATION_UPDATE = "platform:organisation:update"
    ORGANISATION_ARCHIVE = "platform:organisation:archive"
    SERVICE_CREATE = "platform:service:create"
    SERVICE_UPDATE = "platform:service:update"
    SERVICE_GO_LIVE = "platform:service:go-live"
    SERVICE_SUSPEND = "platform:service:suspend"
    SERVICE_RESUME = "platform:service:resume"
    SERVICE_ARCHIVE = "platform:service:archive"
    MEMBER_ADD = "platform:member:add"
    MEMBER_READ = "platform:member:read"
    MEMBER_UPDATE = "platform:member:update"
    MEMBER_REMOVE = "platform:member:remove"
    KEY_ISSUE = "platform:key:issue"
    KEY_REVOKE = "platform:key:revoke"
    KEY_ROTATE = "platform:key:rotate"
    OPERATOR_TOKEN_MINT = "platform:operator-token:mint"  # noqa: S105
    OPERATOR_TOKEN_REVOKE = "platform:operator-token:revoke"  # noqa: S105
    TOKEN_KEY_ADD = "platform:token-key:add"  # noqa: S105
    TOKEN_KEY_RETIRE = "platform:token-key:retire"  # noqa: S105
    RING_ROTATE = "platform:ring:rotate"
    BACKUP_TAKE = "platform:backup:take"
    BACKUP_RESTORE = "platform:backup:restore"

    NOTIFY_TEMPLATE_CREATE = "notify:template:create"
    NOTIFY_TEMPLATE_UPDATE = "notify:template:update"
    NOTIFY_TEMPLATE_ARCHIVE = "notify:template:archive"
    NOTIFY_SETTINGS_UPDATE = "notify:settings:update"
    NOTIFY_REPLY_TO_ADD = "notify:reply-to:add"
    NOTIFY_REPLY_TO_UPDATE = "notify:reply-to:update"
    NOTIFY_REPLY_TO_ARCHIVE = "notify:reply-to:archive"
    NOTIFY_SMS_SENDER_ADD = "notify:sms-sender:add"
    NOTIFY_SMS_SENDER_UPDATE = "notify:sms-sender:update"
    NOTIFY_SMS_SENDER_ARCHIVE = "notify:sms-sender:archive"
    NOTIFY_GUEST_LIST_REPLACE = "notify:guest-list:replace"
    NOTIFY_GUEST_LIST_READ = "notify:guest-list:read"
    NOTIFY_MESSAGE_READ = "notify:message:read"
    NOTIFY_MESSAGE_CANCEL = "notify:message:cancel"

    CONNECTION_SET = "connection:target:set"
    CONNECTION_REMOVE = "connection:target:remove"

    WORK_REPLAY = "queue:work:replay"
    WORK_CANCEL = "queue:work:cancel"
    WORK_PURGE = "queue:work:purge"
