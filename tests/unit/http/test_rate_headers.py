from __future__ import annotations

from common.http.limits import Verdict, rate_headers


def test_allowed_request_learns_what_is_left() -> None:
    assert rate_headers(Verdict(True, 999, 998, 1, 0)) == {
        "RateLimit-Limit": "999",
        "RateLimit-Remaining": "998",
        "RateLimit-Reset": "1",
    }


def test_refused_request_learns_when_to_come_back() -> None:
    assert rate_headers(Verdict(False, 999, 0, 20, 1))["Retry-After"] == "1"


def test_nothing_is_said_when_nothing_was_checked() -> None:
    assert rate_headers(Verdict(True, 999, 999, 0, 0, is_checked=False)) == {}
