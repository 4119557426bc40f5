"""What organisations, services and keys may be called."""

from __future__ import annotations

import pytest

from common.errors import InvalidInput
from common.tenancy.names import read_name


@pytest.mark.parametrize(
    "text",
    ["a\x1b[31mb", "a\0b", "a\x07", "a\x7fb", "a\x9b31m", "a\udcff", "a\u202eb", "a\u2066b", "", " ", "x" * 201],
)
def test_name_with_what_is_not_seen_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_name(text)
    (fault,) = caught.value.faults
    assert fault["field"] == "name"
    assert "\x1b" not in str(fault)


@pytest.mark.parametrize("text", ["Bürgeramt №1", "خدمة", "می\u200cخواهم", "👩\u200d💻", "x" * 200])
def test_name_in_any_script_is_kept(text: str) -> None:
    assert read_name(text) == text


def test_white_space_in_a_name_becomes_one_space() -> None:
    assert read_name("  Parking \t\r\n permits ") == "Parking permits"
