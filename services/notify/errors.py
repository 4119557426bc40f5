"""Notify's refusals, and the form in which its contract says them (contract section 1.6).

Every refusal under /v2 is `{"status_code": N, "errors": [{"error": CLASS, "message": TEXT}]}`; an unknown route or a
wrong method there is `{"result": "error", "message": TEXT}`. A refusal names its CLASS in `error_class` and its texts
in `messages`; one without them gets them here.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from common.auth.bearer import Why, refusal_reason
from common.errors import BadRequest, NotFound, ServiceError, TooManyRequests

_ADMIN_PAGE = "https://www.notifications.service.gov.uk/trial-mode"
_AUTH_PAGE = "https://docs.notifications.service.gov.uk/rest-api.html#authorisation-header"


class NotifyRefusal(BadRequest):
    """A message cannot be accepted as asked."""

    status, kind, title = 400, "message-refused", "The message cannot be accepted"
    error_class: ClassVar[str] = "BadRequestError"

    @property
    def messages(self) -> list[str]:
        return [self.detail]


class TemplateNotFound(NotifyRefusal):
    """The service has no such template, or the template no such version."""

    status, kind = 400, "template-not-found"

    def __init__(self) -> None:
        super().__init__("Template not found")


class TemplateUnsuitable(NotifyRefusal):
    """The template is for another channel."""

    status, kind = 400, "template-unsuitable"

    def __init__(self, template: str, channel: str) -> None:
        super().__init__(f"{template} template is not suitable for {channel} notification")


class TemplateArchived(NotifyRefusal):
    """The template was archived."""

    status, kind = 400, "template-archived"

    def __init__(self) -> None:
        super().__init__("Template has been deleted")


class PersonalisationMissing(NotifyRefusal):
    """Placeholders of the template have no value."""

    status, kind = 400, "personalisation-missing"

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"Missing personalisation: {', '.join(names)}")


class MessageEmpty(NotifyRefusal):
    """Nothing is left to send once the placeholders are filled."""

    status, kind = 400, "message-empty"

    def __init__(self) -> None:
        super().__init__("Your message is empty.")


class MessageTooLong(NotifyRefusal):
    """The message is longer than its channel takes."""

    status, kind = 400, "message-too-long"


class ChannelNotAllowed(NotifyRefusal):
    """The service may not send by this channel."""

    status, kind = 400, "channel-not-allowed"

    def __init__(self, channel: str) -> None:
        words = {"sms": "text messages", "email": "emails", "letter": "letters"}
        super().__init__(f"Service is not allowed to send {words[channel]}")


class SenderUnknown(NotifyRefusal):
    """The reply-to address or text sender named is not one of the service's."""

    status, kind = 400, "sender-unknown"


class RecipientNotAllowed(NotifyRefusal):
    """A team key, or a service in trial, may only write to its team and guest list."""

    status, kind = 400, "recipient-not-allowed"

    def __init__(self, *, team_key: bool) -> None:
        super().__init__(
            "Can’t send to this recipient using a team-only API key"
            if team_key
            else f"Can’t send to this recipient when service is in trial mode – see {_ADMIN_PAGE}"
        )


class FileNotByEmail(NotifyRefusal):
    """A file was sent in the personalisation of a text."""

    status, kind = 400, "file-not-by-email"

    def __init__(self) -> None:
        super().__init__("Can only send a file by email")


class FilesNotSetUp(NotifyRefusal):
    """Sending files is not set up for the service."""

    status, kind = 400, "files-not-set-up"


class RateExceeded(TooManyRequests):
    """More requests a minute than the key's type allows."""

    status, kind = 429, "rate-exceeded"
    error_class: ClassVar[str] = "RateLimitError"

    def __init__(self, key_type: str, limit: int, headers: dict[str, str]) -> None:
        text = f"Exceeded rate limit for key type {key_type.upper()} of {limit} requests per 60 seconds"
        super().__init__(text, headers=headers)
        self.messages = [text]


class SendLimitReached(TooManyRequests):
    """The day's messages are used up."""

    status, kind = 429, "send-limit-reached"
    error_class: ClassVar[str] = "TooManyRequestsError"

    def __init__(self, what: str, limit: int, headers: dict[str, str]) -> None:
        text = f"Exceeded send limits ({what}: {limit}) for today"
        super().__init__(text, headers=headers)
        self.messages = [text]


class NoResultFound(NotFound):
    """There is no such message, template or version for this service."""

    status, kind = 404, "no-result-found"
    error_class: ClassVar[str] = "NoResultFound"

    def __init__(self) -> None:
        super().__init__("No result found")
        self.messages = ["No result found"]


_AUTH: dict[Why, str] = {
    Why.MISSING: "Unauthorized: authentication token must be provided",
    Why.NOT_BEARER: "Unauthorized: authentication bearer scheme must be used",
    Why.UNREADABLE: f"Invalid token: make sure your API token matches the example at {_AUTH_PAGE}",
    Why.NO_ISSUER: "Invalid token: iss field not provided",
    Why.ISSUER_NOT_UUID: "Invalid token: service id is not the right data type",
    Why.SERVICE_UNKNOWN: "Invalid token: service not found",
    Why.NO_KEYS: "Invalid token: service has no API keys",
    Why.SERVICE_ARCHIVED: "Invalid token: service is archived",
    Why.SERVICE_SUSPENDED: "Invalid token: service is suspended",
    Why.CLOCK: "Error: Your system clock must be accurate to within 30 seconds",
    Why.ALGORITHM: "Invalid token: algorithm used is not HS256",
    Why.REVOKED: "Invalid token: API key revoked",
    Why.EXPIRED: "Invalid token: API key has expired",
    Why.KEY_UNKNOWN: "Invalid token: API key not found",
    Why.NETWORK: "Invalid token: API key may not be used from this network",
    Why.OPERATOR_TOKEN: "Invalid token: operator token refused",
}

# the class a refusal without one of its own gets, by status
_CLASSES = {
    400: "BadRequestError",
    401: "AuthError",
    403: "AuthError",
    404: "NoResultFound",
    409: "ConflictError",
    413: "PayloadTooLargeError",
    422: "ValidationError",
    429: "TooManyRequestsError",
    503: "ServiceUnavailableError",
}


def v2_body(status: int, error_class: str, messages: list[str]) -> bytes:
    """The contract's error body."""
    errors = [{"error": error_class, "message": message} for message in messages]
    return msgspec.json.encode({"status_code": status, "errors": errors})


def app_body(message: str) -> bytes:
    """The body of an unknown route or a wrong method."""
    return msgspec.json.encode({"result": "error", "message": message})


def refusal_body(error: ServiceError) -> bytes:
    """How /v2 says any expected refusal."""
    why = refusal_reason(error)
    if why is not None:
        return v2_body(error.status, "AuthError", [_AUTH[why]])
    messages: Any = getattr(error, "messages", None) or [error.detail]
    error_class = getattr(error, "error_class", None) or _CLASSES.get(error.status, "BadRequestError")
    return v2_body(error.status, error_class, list(messages))
