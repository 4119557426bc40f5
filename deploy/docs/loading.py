"""Import all of the suite's code, so that every class that a page lists is known."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import common
import services

# programs start when imported, migration steps need Alembic's environment, and the tests' fixtures need pytest
_LEFT_OUT = (".__main__", ".migrations", "common.testing")


@cache
def load_suite() -> None:
    """Import every module of `common` and `services`. Raises what the module raises: a page without it would lie."""
    for package in (common, services):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in module.name for part in _LEFT_OUT):
                importlib.import_module(module.name)
