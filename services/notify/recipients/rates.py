"""What a text abroad costs, in units of a UK text, and whether the country reports delivery.

The built-in table is in rate_table.py. An operator's own gateway contract decides the real figures: give them to
use_overrides() at the start of the program.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from services.notify.recipients.rate_table import TABLE

# An override may name a longer prefix than a country's: +1 areas have four digits, networks up to seven.
_LONGEST_PREFIX = 7


class Rate(Struct, frozen=True, forbid_unknown_fields=True):
    """The price and the receipts of one country or prefix.

    multiplier: units one fragment costs, 1 to 100. has_delivery_receipts: its networks say what became of a text.
    """

    multiplier: int
    has_delivery_receipts: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.multiplier <= 100:
            raise ValueError("multiplier must be between 1 and 100")


def _read_table(table: str) -> dict[str, Rate]:
    rates: dict[str, Rate] = {}
    for line in table.strip().splitlines():
        prefix, multiplier, receipts, _place = line.split(maxsplit=3)
        rates[prefix] = Rate(int(multiplier), receipts == "yes")
    return rates


_BUILT_IN = _read_table(TABLE)
_rates = dict(_BUILT_IN)


def rate_for(e164: str) -> Rate | None:
    """The rate of a number's longest known prefix; None if texts to it are not supported.

    e164: digits with country code, without plus.
    """
    for length in range(_LONGEST_PREFIX, 0, -1):
        rate = _rates.get(e164[:length])
        if rate is not None:
            return rate
    return None


def read_overrides(document: bytes) -> dict[str, Rate | None]:
    """An operator's table as JSON: {"353": {"multiplier": 3, "has_delivery_receipts": true}, "7": null}.

    null withdraws a country. Raises ValueError, which says what is wrong; meant for the start of a program.
    """
    overrides = msgspec.json.decode(document, type=dict[str, Rate | None])
    for prefix in overrides:
        if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= _LONGEST_PREFIX):
            raise ValueError(f"{prefix!r} is not a prefix of 1 to {_LONGEST_PREFIX} digits")
    return overrides


def use_overrides(overrides: Mapping[str, Rate | None]) -> None:
    """Put an operator's rates over the built-in ones, in place of any given before; {} goes back to the built-in."""
    merged = {**_BUILT_IN, **overrides}
    _rates.clear()
    _rates.update({prefix: rate for prefix, rate in merged.items() if rate is not None})
