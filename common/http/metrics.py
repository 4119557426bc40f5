"""Prometheus figures of requests, by route template (never by address: that would be one series a caller)."""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

requests_total = Counter(
    "http_requests_total",
    "Requests answered, by method, route template and status class.",
    ["method", "route", "status"],
)
request_seconds = Histogram(
    "http_request_seconds",
    "Seconds from request to answer, by route template.",
    ["method", "route"],
    buckets=_BUCKETS_S,
)
in_flight = Gauge("http_requests_in_flight", "Requests being answered now.", multiprocess_mode="livesum")


class RouteFigures:
    """The children of the metrics for one method and route, looked up once: labels() costs more than counting."""

    __slots__ = ("_by_class", "_method", "_route", "_seconds")

    def __init__(self, method: str, route: str) -> None:
        self._method, self._route = method, route
        self._seconds = request_seconds.labels(method, route)
        self._by_class: dict[int, Counter] = {}

    def note(self, status: int, seconds: float) -> None:
        status_class = status // 100
        counter = self._by_class.get(status_class)
        if counter is None:
            counter = requests_total.labels(self._method, self._route, f"{status_class}xx")
            self._by_class[status_class] = counter
        counter.inc()
        self._seconds.observe(seconds)


_figures: dict[tuple[str, str], RouteFigures] = {}


def figures_of(method: str, route: str) -> RouteFigures:
    """The figures of a route; methods nobody serves count as OTHER, since callers may invent them."""
    figures = _figures.get((method, route))
    if figures is None:
        known = method if method in _METHODS else "OTHER"
        figures = _figures.get((known, route)) or RouteFigures(known, route)
        _figures[known, route] = figures
    return figures


def exposition() -> tuple[bytes, str]:
    """The text that Prometheus reads, of all processes of this program, and its media type."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
