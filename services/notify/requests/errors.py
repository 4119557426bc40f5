"""Refusals of a request that does not fit its contract (1.6).

error_class: the value of `error` on the wire; messages: the texts, one entry each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from common.errors import BadRequest


class InvalidJSON(BadRequest):
    """The body is not JSON that can be kept: malformed, empty, not UTF-8, or nested out of all measure."""

    status, kind, title = 400, "invalid-json", "The body is not JSON"
    error_class: ClassVar[str] = "BadRequestError"

    def __init__(self) -> None:
        super().__init__("Invalid JSON supplied in POST data")
        self.messages = [self.detail]


class SchemaErrors(BadRequest):
    """The request is well formed but fields are wrong; `messages` names each, in the contract's order and words.

    The messages hold the caller's own values, personal data included, because the contract gives them back. They may
    go into the answer and NOWHERE else: never into a log, a trace or a metric. `detail` and str() are safe to log.
    """

    status, kind, title = 400, "schema-errors", "Some fields do not fit the schema"
    error_class: ClassVar[str] = "ValidationError"

    def __init__(self, messages: Iterable[str]) -> None:
        super().__init__("The request does not fit its schema.")
        self.messages = list(dict.fromkeys(messages))
