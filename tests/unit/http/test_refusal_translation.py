from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec
import pytest
from litestar.exceptions import ClientException, InternalServerException, NotFoundException, ValidationException

from common.errors import BadRequest, InvalidInput, NotFound, ServiceError, every_kind
from common.http.refusals import MalformedBody, RouteNotFound, as_refusal


class Colour(Enum):
    RED = "red"


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: Annotated[int, msgspec.Meta(ge=1)] = 1
    colour: Colour = Colour.RED


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: list[Inner]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b"{}", "inner", "Object missing required field `inner`"),
        (b'{"inner":[{"size":0}]}', "inner[0].size", "Expected `int` >= 1"),
        (b'{"inner":[{"sise":0}]}', "inner[0].sise", "Object contains unknown field `sise`"),
        (b"[]", "", "Expected `object`, got `array`"),
        (b'{"inner":[{"colour":"07700900123"}]}', "inner[0].colour", "Invalid enum value"),
    ],
)
def test_fault_names_the_field_and_never_the_value(body: bytes, field: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Outer)
    refusal = as_refusal(caught.value)
    assert isinstance(refusal, InvalidInput)
    assert refusal.faults == [{"field": field, "message": message}]


def test_undecodable_body_is_malformed() -> None:
    assert isinstance(as_refusal(msgspec.DecodeError("truncated")), MalformedBody)
    assert isinstance(as_refusal(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")), MalformedBody)


def test_own_refusals_pass_unchanged() -> None:
    refusal = NotFound("none")
    assert as_refusal(refusal) is refusal


def test_unknown_route_differs_from_unknown_thing() -> None:
    assert isinstance(as_refusal(NotFoundException()), RouteNotFound)


def test_framework_detail_is_never_shown() -> None:
    for error in (ValidationException("GET /x?email=a@b.example"), ClientException("Invalid value a@b.example")):
        refusal = as_refusal(error)
        assert isinstance(refusal, BadRequest)
        assert "example" not in refusal.detail


def test_bugs_stay_bugs() -> None:
    for error in (RuntimeError("x"), InternalServerException("x")):
        assert not isinstance(as_refusal(error), ServiceError)


def test_no_two_kinds_clash() -> None:
    kinds = [cls.kind for cls in every_kind() if cls.__module__.startswith("common.")]
    assert len(kinds) == len(set(kinds))
