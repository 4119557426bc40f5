"""Rates abroad, and how an operator overrides them."""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers
import pytest

from services.notify.recipients.errors import InvalidPhone
from services.notify.recipients.phone import parse_phone
from services.notify.recipients.rate_table import TABLE
from services.notify.recipients.rates import Rate, rate_for, read_overrides, use_overrides


@pytest.fixture(autouse=True)
def _built_in_rates() -> Iterator[None]:
    yield
    use_overrides({})


def test_every_row_of_the_table_is_a_dialling_prefix_with_a_sensible_rate() -> None:
    prefixes = []
    for line in TABLE.strip().splitlines():
        prefix, multiplier, receipts, _place = line.split(maxsplit=3)
        prefixes.append(prefix)
        assert int(multiplier) in (1, 2, 3, 4), line
        assert receipts in ("yes", "no"), line
        country = 1 if len(prefix) == 4 else int(prefix)
        assert country in phonenumbers.COUNTRY_CODE_TO_REGION_CODE, line
    assert len(prefixes) == len(set(prefixes))


def test_longest_prefix_decides() -> None:
    assert rate_for("12425550143") == Rate(2, False)
    assert rate_for("12025550143") == Rate(1, False)
    assert rate_for("24746123") is None


def test_operator_changes_a_rate_also_for_a_number_met_before() -> None:
    assert parse_phone("+33612345678").rate_multiplier == 2
    use_overrides(read_overrides(b'{"33": {"multiplier": 7}, "336123": {"multiplier": 9}}'))
    assert parse_phone("+33612345678").rate_multiplier == 9
    assert parse_phone("+33751234567").rate_multiplier == 7


def test_operator_withdraws_a_country() -> None:
    use_overrides({"33": None})
    with pytest.raises(InvalidPhone, match="Not a valid country prefix"):
        parse_phone("+33612345678")


def test_new_overrides_replace_the_ones_before() -> None:
    use_overrides({"33": Rate(7)})
    use_overrides({"34": Rate(5)})
    assert rate_for("33612345678") == Rate(2, True)


@pytest.mark.parametrize(
    "document",
    [b"[]", b'{"33": 2}', b'{"33": {"multiplier": 0}}', b'{"33": {"multiplier": 2, "x": 1}}', b'{"+33": null}', b"{"],
)
def test_wrong_overrides_are_refused(document: bytes) -> None:
    with pytest.raises(ValueError):
        read_overrides(document)
