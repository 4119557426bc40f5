"""What a template may be. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

from services.notify.rendering import MOST_CHARACTERS, sanitise_sms, sms_length

Channel: TypeAlias = Literal["email", "sms"]
Lane: TypeAlias = Literal["priority", "normal", "bulk"]

CHANNELS = ("email", "sms")
LANES = ("priority", "normal", "bulk")
LONGEST_NAME = 255  # characters
LONGEST_SUBJECT = 998  # characters: what a line of mail may hold (RFC 5322, 2.1.1)
LARGEST_EMAIL = 2_000_000  # bytes: no filled body may be larger (contract 1.7)

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
Subject = Annotated[str, Meta(min_length=1, max_length=LONGEST_SUBJECT)]
Content = Annotated[str, Meta(min_length=1)]


class NewTemplate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template to make. subject: e-mail only, and required there. lane: how urgent its messages are."""

    type: Channel
    name: Name
    content: Content = field(name="body")
    subject: Subject | None = None
    lane: Lane = "normal"
    has_unsubscribe_link: bool = False


class TemplateChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a new version changes; a field left out stays. version: the one that the change was made from."""

    name: Name | UnsetType = UNSET
    content: Content | UnsetType = field(default=UNSET, name="body")
    subject: Subject | UnsetType = UNSET
    lane: Lane | UnsetType = UNSET
    has_unsubscribe_link: bool | UnsetType = UNSET
    version: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class Wording(Struct, frozen=True, kw_only=True):
    """What a version holds, whatever the channel."""

    name: str
    subject: str | None
    content: str
    lane: Lane
    has_unsubscribe_link: bool


FIELDS = Wording.__struct_fields__


def changed(before: Wording, change: TemplateChange) -> Wording:
    """The wording after a change."""
    given = {name: value for name in FIELDS if (value := getattr(change, name)) is not UNSET}
    return Wording(**{**{name: getattr(before, name) for name in FIELDS}, **given})


def differences(before: Wording, after: Wording) -> list[str]:
    """The names of the fields that differ."""
    return [name for name in FIELDS if getattr(before, name) != getattr(after, name)]


def channel_faults(channel: str, given: dict[str, object]) -> list[str]:
    """What is wrong with fields, each right in itself, for a template of this channel. Texts for the caller."""
    content = given.get("content")
    if channel == "email":
        return _email_faults(given, content)
    faults = []
    if given.get("subject") is not None:
        faults.append("subject is for email templates only")
    if given.get("has_unsubscribe_link"):
        faults.append("has_unsubscribe_link is for email templates only")
    if isinstance(content, str) and (length := sms_length(sanitise_sms(content))) > MOST_CHARACTERS:
        faults.append(f"body must not be longer than {MOST_CHARACTERS} characters. It is {length} characters long.")
    return faults


def _email_faults(given: dict[str, object], content: object) -> list[str]:
    faults = []
    if "subject" not in given:
        faults.append("subject is a required property")
    # no character takes more than 4 bytes: most contents need no counting
    if (
        isinstance(content, str)
        and len(content) * 4 > LARGEST_EMAIL
        and (size := len(content.encode())) > LARGEST_EMAIL
    ):
        faults.append(f"body must not be larger than {LARGEST_EMAIL} bytes. It is {size} bytes.")
    return faults
