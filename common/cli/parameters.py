"""Kinds of values that several commands take."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Span(click.ParamType[timedelta]):
    """A span of time: 90s, 15m, 24h, 7d."""

    name = "span"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([0-9]{1,6})([smhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is not a span such as 90s, 15m, 24h or 7d", parameter, context)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


class Words(click.ParamType[list[str]]):
    """Words separated by commas."""

    name = "words"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> list[str]:
        if isinstance(value, list):
            return value
        return [word.strip() for word in str(value).split(",") if word.strip()]


SPAN = Span()
WORDS = Words()
