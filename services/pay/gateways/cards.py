"""Cards as they pass through a gateway. None of these shows itself in a log, an error or a test's output."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

CardBrand = Literal[
    "visa", "master-card", "american-express", "diners-club", "discover", "jcb", "unionpay", "maestro", "unknown"
]
CardType = Literal["credit", "debit"]


class Private(msgspec.Struct, frozen=True):
    """A Struct whose text form names only the fields in `shown`."""

    shown: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.shown)})"

    # rich prints Structs by this, and would show every field
    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.shown]


class Address(Private, frozen=True, kw_only=True):
    """Where the cardholder's bills go."""

    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    postcode: str | None = None
    country: str | None = None


class Card(Private, frozen=True, kw_only=True):
    """A card as the payer typed it. Lives for one call; never stored, never logged.

    number: 12 to 19 digits without spaces. expiry_year: four digits.
    """

    number: str
    cvc: str
    expiry_month: int
    expiry_year: int
    cardholder_name: str
    address: Address | None = None


class CardDetails(Private, frozen=True, kw_only=True):
    """What may be kept of a card. expiry: MM/YY. None = the provider did not say, or the caller knows it already."""

    shown: ClassVar[tuple[str, ...]] = ("brand", "type")

    brand: CardBrand = "unknown"
    type: CardType | None = None
    first_six: str | None = None
    last_four: str | None = None
    expiry: str | None = None
    cardholder_name: str | None = None
    billing_address: Address | None = None
    is_prepaid: bool | None = None
    is_corporate: bool | None = None
