"""Golden JSON of every wire Struct (wire_examples.json): a field that goes, comes or changes its form fails here."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

SLICES = ("messages", "templates", "configuration", "unsubscribe", "operations", "requests")
EXAMPLES: dict[str, Any] = json.loads(Path(__file__).with_name("wire_examples.json").read_text(encoding="utf-8"))


def _structs() -> dict[str, type[msgspec.Struct]]:
    found = {"receipts.ReceiptBody": importlib.import_module("services.notify.receipts.api").ReceiptBody}
    for name in SLICES:
        module = importlib.import_module(f"services.notify.{name}.wire")
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__:
                found[f"{name}.{kind.__name__}"] = kind
    return found


STRUCTS = _structs()


def test_every_struct_of_the_wire_has_an_example_and_no_example_is_left_over() -> None:
    assert set(EXAMPLES) == set(STRUCTS)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_example_is_read_and_written_as_it_stands(name: str) -> None:
    example, kind = EXAMPLES[name], STRUCTS[name]
    read = msgspec.json.decode(json.dumps(example), type=kind)
    written = json.loads(msgspec.json.encode(read))
    assert written == example
    # the order too: people compare answers by eye
    assert list(written) == [field for field in _names(kind) if field in written]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_example_shows_every_field(name: str) -> None:
    """But for changes, where a field left out means that it stays."""
    if not name.endswith("Change"):
        assert set(EXAMPLES[name]) == set(_names(STRUCTS[name]))


@pytest.mark.parametrize("name", [name for name in sorted(EXAMPLES) if name.split(".")[0] == "messages"])
def test_answer_writes_every_key_also_when_nothing_is_to_be_said(name: str) -> None:
    kind = STRUCTS[name]
    assert not kind.__struct_config__.omit_defaults
    assert kind.__struct_config__.frozen


def _names(kind: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind)]
