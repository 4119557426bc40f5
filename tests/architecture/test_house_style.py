"""The rules of style that a machine can see: sizes, names, and one page for each refusal."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from pathlib import Path, PurePosixPath

import common
import services
from common.errors import ServiceError, every_kind

ROOT = Path(__file__).parents[2]
CODE = ("common", "services", "deploy", "tests")
MOST_LINES = 400
BANNED = frozenset({"utils", "util", "helpers", "helper", "manager", "managers", "misc"})


def is_too_long(source: str) -> bool:
    return len(source.splitlines()) > MOST_LINES


def has_banned_name(path: str) -> bool:
    """Also in compounds: `file_utils`, `queue_manager`."""
    steps = PurePosixPath(path).with_suffix("").parts
    return any(BANNED & set(step.lower().split("_")) for step in steps)


def files() -> list[Path]:
    """Our code: what a browser or PostgreSQL reads counts as Python does."""
    kinds = (".py", ".sql", ".lua", ".html", ".css", ".js")
    return sorted(file for top in CODE for file in (ROOT / top).rglob("*") if file.suffix in kinds and file.is_file())


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def test_no_file_has_more_than_400_lines() -> None:
    long = [name_of(file) for file in files() if is_too_long(file.read_text(encoding="utf-8"))]
    assert long == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [name_of(file) for file in files() if has_banned_name(name_of(file))] == []


def test_a_planted_long_file_and_a_planted_name_are_caught() -> None:
    assert is_too_long("x = 1\n" * 401)
    assert not is_too_long("x = 1\n" * 400)
    for path in ("common/utils.py", "services/pay/helpers/x.py", "common/file_utils.py", "common/queue_manager.py"):
        assert has_banned_name(path)
    assert not has_banned_name("services/notify/messages/accept.py")


def test_tests_is_no_package() -> None:
    # a dependency may install a top-level `tests`; ours must not shut it out, nor be shut out by it
    assert not (ROOT / "tests" / "__init__.py").exists()


# refusals -------------------------------------------------------------------


def load_everything() -> None:
    """Import all modules, so that every class of refusal is known."""
    for package in (common, services):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def ours() -> list[type[ServiceError]]:
    """Without the classes that tests make."""
    load_everything()
    return [kind for kind in every_kind() if kind.__module__.split(".")[0] in CODE[:3]]


def clashing(kinds: list[type[ServiceError]]) -> list[str]:
    counted = Counter(kind.kind for kind in kinds)
    return sorted(kind for kind, times in counted.items() if times > 1)


def undocumented(kinds: list[type[ServiceError]]) -> list[str]:
    """Without a kind and a docstring of its own: docs/errors.md is written from them."""
    return [kind.__name__ for kind in kinds if "kind" not in vars(kind) or not vars(kind).get("__doc__")]


def test_no_two_refusals_have_the_same_kind() -> None:
    assert clashing(ours()) == []


def test_every_refusal_says_what_it_means() -> None:
    assert undocumented(ours()) == []


def test_every_kind_is_a_word_for_a_url() -> None:
    wrong = [kind.kind for kind in ours() if not kind.kind.replace("-", "").isalnum() or kind.kind != kind.kind.lower()]
    assert wrong == []
    assert all(400 <= kind.status <= 599 for kind in ours())


def test_a_planted_clash_and_a_silent_refusal_are_caught() -> None:
    class First(ServiceError):
        """One."""

        status, kind, title = 409, "planted", "Planted"

    class Second(ServiceError):
        status, kind = 409, "planted"

    class Heir(First):
        """Takes its kind from First."""

    assert clashing([First, Second]) == ["planted"]
    assert undocumented([First, Second, Heir]) == ["Second", "Heir"]
