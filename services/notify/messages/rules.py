"""Pure rules of accepting a message (contract sections 1.3, 1.5, 1.7)."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from services.notify.errors import FileNotByEmail, FilesNotSetUp, MessageTooLong, SenderUnknown
from services.notify.rendering import key_of

LONGEST_TEXT = 918  # UTF-16 units after sanitising, without the prefix
LARGEST_EMAIL = 2_000_000  # bytes of the filled body
LONGEST_SUBJECT = 2_000  # characters, once its placeholders are filled
PAGE = 250
_MOST_FILLED = 2 * LARGEST_EMAIL
_SLOT = re.compile(r"\(\(([^()?]+)\)\)")


def check_text_length(units: int) -> None:
    """Raises MessageTooLong."""
    if units > LONGEST_TEXT:
        raise MessageTooLong(
            f"Your message is too long. Text messages cannot be longer than {LONGEST_TEXT} characters. "
            f"Your message is {units} characters long."
        )


def check_email_size(body: str, subject: str) -> None:
    """Raises MessageTooLong. The contract sets no limit for subjects; ours keeps a message deliverable."""
    # no character takes more than 4 bytes: most bodies need no counting
    if len(body) * 4 > LARGEST_EMAIL and (size := len(body.encode())) > LARGEST_EMAIL:
        raise MessageTooLong(
            f"Your message is too long. Emails cannot be longer than {LARGEST_EMAIL} bytes. "
            f"Your message is {size} bytes."
        )
    if len(subject) > LONGEST_SUBJECT:
        raise MessageTooLong(
            f"Your message is too long. Subjects cannot be longer than {LONGEST_SUBJECT} characters. "
            f"Your subject is {len(subject)} characters long."
        )


def check_filling(template: str, personalisation: dict[str, Any]) -> None:
    """Refuse before filling what would fill memory: a thousand placeholders of a megabyte each. Raises MessageTooLong.

    template: the version's content. Sizes are counted in characters, which is no more than there will be bytes.
    """
    slots = template.count("((")
    values = {key_of(name): len(str(value)) for name, value in personalisation.items()}
    if slots * max(values.values(), default=0) <= _MOST_FILLED:
        return
    filled = sum(values.get(key_of(found[1]), 0) for found in _SLOT.finditer(template))
    if filled > _MOST_FILLED:
        raise MessageTooLong(
            f"Your message is too long. Emails cannot be longer than {LARGEST_EMAIL} bytes. "
            f"Your message is {len(template) + filled} bytes."
        )


def check_files(personalisation: dict[str, Any], channel: str, service_id: UUID, admin_url: str) -> None:
    """Raises FileNotByEmail or FilesNotSetUp: files go by e-mail only, once the service has given contact details."""
    for value in personalisation.values():
        if isinstance(value, dict) and "file" in value:
            if channel != "email":
                raise FileNotByEmail
            raise FilesNotSetUp(
                "Send files by email has not been set up - add contact details for your service at "
                f"{admin_url}/services/{service_id}/service-settings/send-files-by-email"
            )


def sender_unknown(field: str, sender_id: UUID, service_id: UUID) -> SenderUnknown:
    """The refusal of a reply-to address or text sender that the service does not have (or has archived)."""
    return SenderUnknown(f"{field} {sender_id} does not exist in database for service id {service_id}")


def cost(
    channel: str, status: str, units: int, multiplier: int, rate: float
) -> tuple[dict[str, Any], float | None, bool]:
    """cost_details, cost_in_pounds, is_cost_data_ready. rate: pounds a fragment."""
    if channel == "email":
        return {}, 0.0, True
    if status == "created" and units == 0:
        return {}, None, False
    details = {"billable_sms_fragments": units, "international_rate_multiplier": multiplier, "sms_rate": rate}
    return details, round(units * multiplier * rate, 5), True
