"""Time-ordered identifiers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from common import clock, ids

moments = st.datetimes(datetime(2000, 1, 1), datetime(2500, 1, 1), timezones=st.just(UTC))


def test_identifiers_grow_even_within_a_tick() -> None:
    with clock.frozen(clock.now()):
        made = [ids.uuid7() for _ in range(5_000)]
    assert made == sorted(set(made))


def test_identifiers_grow_when_the_clock_goes_back() -> None:
    first = ids.uuid7()
    with clock.shifted(timedelta(seconds=-60)):
        assert ids.uuid7() > first


def test_identifier_is_a_uuid_of_version_7_and_tells_its_time() -> None:
    with clock.shifted(timedelta(days=1)):
        moment, made = clock.now(), ids.uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert abs(ids.moment_of(made) - moment) < timedelta(seconds=1)


@given(moments)
def test_floor_is_below_every_identifier_of_its_moment_and_above_those_before(moment: datetime) -> None:
    floor = ids.floor_of(moment)
    assert timedelta(0) <= moment - ids.moment_of(floor) < timedelta(milliseconds=1)
    assert floor.version == 7
    assert ids.floor_of(moment - timedelta(milliseconds=1)) < floor


def test_floor_is_a_bound_for_what_is_made_now() -> None:
    with clock.shifted(timedelta(days=2)):
        floor = ids.floor_of(clock.now())
        made = ids.uuid7()
    assert floor < made < ids.floor_of(ids.moment_of(made) + timedelta(milliseconds=1))
