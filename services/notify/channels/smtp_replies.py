"""What a relay's replies mean for a message (RFC 5321 section 4.2, RFC 3463)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from common.errors import PermanentProviderError, ProviderError, TransientProviderError
from services.notify.channels.protocol import Accepted, Outcome

Stage = Literal["mail", "rcpt", "data", "final"]

START_INPUT: Final = 354
CLOSING: Final = 421
_BAD_SEQUENCE: Final = 503
# The relay wants credentials or encryption of us: our settings are at fault, so no message may be lost to it.
_ACCESS: Final = frozenset({530, 534, 535, 538})
_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?= |$)")


class Reply(NamedTuple):
    """A relay's reply. enhanced: RFC 3463 status such as 5.1.1, empty if absent. Its text is never kept:
    relays repeat the recipient's address in it."""

    code: int
    enhanced: str

    @property
    def reason(self) -> str:
        """Code and enhanced code, all that may be recorded."""
        return f"{self.code} {self.enhanced}".rstrip()


def parse_reply(line: bytes) -> Reply:
    """Read the last line of a reply. Raises ValueError if it is none."""
    code = int(line[:3])
    if not 200 <= code <= 599 or line[3:4] not in (b"", b" "):
        raise ValueError("not an SMTP reply")
    if code < 400:
        return Reply(code, "")
    found = _ENHANCED.match(line, 4)
    return Reply(code, found[0].decode("ascii") if found else "")


def refusal(stage: Stage, reply: Reply) -> ProviderError:
    """What a reply other than the hoped-for one means for the message."""
    code = reply.code
    if code == CLOSING or code in _ACCESS:
        return TransientProviderError(reply.reason, provider_down=True)
    if code >= 500 and code != _BAD_SEQUENCE:
        return PermanentProviderError(reply.reason, recipient_fault=stage == "rcpt")
    return TransientProviderError(reply.reason)


def judge_envelope(replies: Sequence[Reply], lost: str | None) -> ProviderError | None:
    """May the message follow? None = yes. replies: to MAIL, RCPT and DATA, as many as came.

    lost: why the connection is gone, if it is.
    """
    stages: tuple[Stage, Stage, Stage] = ("mail", "rcpt", "data")
    for stage, reply in zip(stages, replies, strict=False):
        good = reply.code == START_INPUT if stage == "data" else 200 <= reply.code < 300
        if not good:
            return refusal(stage, reply)
    if len(replies) < len(stages):
        return TransientProviderError(lost or "connection lost")
    return None


def judge_final(reply: Reply | None, lost: str | None) -> Outcome:
    """What the reply to the final dot means; None = it never came, and nobody knows whether the message was taken."""
    if reply is None:
        return TransientProviderError(lost or "connection lost", sent_unknown=True)
    if 200 <= reply.code < 300:
        return Accepted(None)
    return refusal("final", reply)
