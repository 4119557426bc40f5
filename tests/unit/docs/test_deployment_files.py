"""Deployment files name only settings, metrics and labels that exist."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from prometheus_client import REGISTRY

from deploy.docs import configuration
from deploy.docs.loading import load_suite

_DEPLOY = Path(__file__).parent.parent.parent.parent / "deploy"
_VARIABLE = re.compile(r"^ +(?:- name: )?([A-Z][A-Z0-9_]+)(?::|$)", re.MULTILINE)
_LITERAL = re.compile(r"^ +- ([A-Z][A-Z0-9_]+)=", re.MULTILINE)
_METRIC = re.compile(r"\b((?:colonnade|http|rate_limit|process)_[a-z_]+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r"([a-z_]+) *[=!]~?")
# of the images of PostgreSQL, not ours
_OTHERS = frozenset({"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD_FILE"})


def _settings() -> set[str]:
    return {variable.name for group in configuration.groups() for variable in group.variables}


@pytest.mark.parametrize(
    "name", ["compose/compose.yaml", *(f"kubernetes/base/{p.name}" for p in (_DEPLOY / "kubernetes/base").iterdir())]
)
def test_every_variable_is_a_setting(name: str) -> None:
    text = (_DEPLOY / name).read_text(encoding="utf-8")
    named = {*_VARIABLE.findall(text), *_LITERAL.findall(text)} - _OTHERS
    assert {variable.removesuffix("_FILE") for variable in named} <= _settings()


def test_the_look_for_variables_finds_them() -> None:
    text = (_DEPLOY / "kubernetes/base/notify-worker.yaml").read_text(encoding="utf-8")
    assert {"KEYS_FILE", "WORKER_METRICS_PORT"} <= set(_VARIABLE.findall(text))
    assert "SMTP_HOST" in _LITERAL.findall((_DEPLOY / "kubernetes/base/kustomization.yaml").read_text(encoding="utf-8"))


def _series() -> dict[str, set[str]]:
    """Name → labels of every series that a program may show."""
    load_suite()
    found: dict[str, set[str]] = {"process_resident_memory_bytes": set()}
    for collector in set(REGISTRY._collector_to_names):
        labels = set(getattr(collector, "_labelnames", ()))
        for name in REGISTRY._collector_to_names[collector]:
            found[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return found


def _expressions() -> list[str]:
    dashboard = msgspec.json.decode((_DEPLOY / "observability/dashboard.json").read_bytes())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    alerts = (_DEPLOY / "observability/alerts.yaml").read_text(encoding="utf-8")
    return [*shown, *re.findall(r"expr: (?:\|\n)?(.*?)(?=\n +(?:for|labels):)", alerts, re.DOTALL)]


def test_rules_and_panels_name_only_series_and_labels_that_exist() -> None:
    series, seen = _series(), set()
    for expression in _expressions():
        for name, selector in _METRIC.findall(expression):
            assert name in series, name
            assert set(_LABEL.findall(re.sub(r'"[^"]*"', "", selector or ""))) <= series[name], expression
            seen.add(name)
    assert len(seen) > 10


def test_every_metric_of_the_work_list_is_watched() -> None:
    ours = {name for name in _series() if re.fullmatch(r"colonnade_\w+", name) and not name.endswith("_created")}
    watched = {name for expression in _expressions() for name, _ in _METRIC.findall(expression)}
    # a counter goes by two names
    assert {name for name in ours if name not in watched and f"{name}_total" not in watched} == set()
