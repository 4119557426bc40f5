from __future__ import annotations

import pytest

from common.http.idempotency import IdempotencyKeyInvalid, checked_key, operation


@pytest.mark.parametrize("sent", [None, "a", "A" * 255, "!~-_./:{}"])
def test_visible_ascii_keys_pass(sent: str | None) -> None:
    assert checked_key(sent) == sent


@pytest.mark.parametrize("sent", ["", "A" * 256, "a b", "a\n", "é", "\x7f"])
def test_other_keys_are_refused(sent: str) -> None:
    with pytest.raises(IdempotencyKeyInvalid):
        checked_key(sent)


@pytest.mark.parametrize("name", ["create", "Templates:create", "templates:", "a:b c"])
def test_operation_must_be_noun_and_verb(name: str) -> None:
    with pytest.raises(ValueError, match="noun:verb"):
        operation(name)
