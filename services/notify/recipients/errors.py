"""Refusals of a recipient. Their texts are the contract's and hold no personal data; each names its wire class.

error_class: the value of `error` on the wire (contract 1.6); messages: the texts, one entry each.
"""

from __future__ import annotations

from typing import ClassVar

from common.errors import BadRequest

NOT_ENOUGH_DIGITS = "Not enough digits"
TOO_MANY_DIGITS = "Too many digits"
UNKNOWN_CHARACTERS = "Must not contain letters or symbols"
UNSUPPORTED_COUNTRY = "Not a valid country prefix"
NOT_VALID = "Number is not valid – double check the phone number you entered"
NOT_A_UK_MOBILE = "Not a UK mobile number"


class InvalidPhone(BadRequest):
    """The text is not a phone number that a message can be sent to, or not one that this service may text."""

    status, kind, title = 400, "invalid-phone-number", "Not a phone number that can be texted"
    error_class: ClassVar[str] = "InvalidPhoneError"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.messages = [text]


class InternationalNotAllowed(BadRequest):
    """The number lies abroad and the service may not send abroad."""

    status, kind, title = 400, "international-not-allowed", "Cannot send abroad"
    error_class: ClassVar[str] = "BadRequestError"

    def __init__(self, text: str = "Cannot send to international mobile numbers") -> None:
        super().__init__(text)
        self.messages = [text]


class InvalidEmail(BadRequest):
    """The text is not an e-mail address that a message can be sent to."""

    status, kind, title = 400, "invalid-email-address", "Not an e-mail address"
    error_class: ClassVar[str] = "ValidationError"

    def __init__(self, text: str = "Not a valid email address") -> None:
        super().__init__(text)
        self.messages = [text]
