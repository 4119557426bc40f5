"""Every check of `make lint` can fail, and passes what is right."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.checks import addresses, generated, links, migrations, requirements, sizes, tree

_HASH = f"--hash=sha256:{'0' * 64}"


def _write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# generated pages ---------------------------------------------------------------


def test_stale_page_is_found(tmp_path: Path) -> None:
    _write(tmp_path, "docs/errors.md", "old")
    [fault] = generated.faults(tmp_path, {"docs/errors.md": b"new"})
    assert fault.startswith("docs/errors.md: differs")


def test_missing_page_is_found(tmp_path: Path) -> None:
    [fault] = generated.faults(tmp_path, {"docs/openapi/notify.json": b"{}"})
    assert "is missing" in fault


def test_openapi_page_of_no_program_is_found(tmp_path: Path) -> None:
    _write(tmp_path, "docs/openapi/gone.json", "{}")
    [fault] = generated.faults(tmp_path, {})
    assert fault.startswith("docs/openapi/gone.json")


def test_present_page_passes(tmp_path: Path) -> None:
    _write(tmp_path, "docs/openapi/notify.json", "{}")
    assert generated.faults(tmp_path, {"docs/openapi/notify.json": b"{}"}) == []


# requirements --------------------------------------------------------------------


def test_locked_line_with_hashes_passes(tmp_path: Path) -> None:
    _write(tmp_path, "requirements.lock", f"a-b==1.2 ; python_version < '3.13' \\\n    {_HASH} \\\n    {_HASH}\n")
    assert requirements.faults(tmp_path) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a==1.2", "has no hash"),
        (f"a>=1.2 \\\n    {_HASH}", "pins no version"),
        (f"a @ https://example.org/a.whl \\\n    {_HASH}", "names where packages come from"),
        ("--index" + "-url https://example.org/simple", "names where packages come from"),
        ("--find-links wheels", "names where packages come from"),
    ],
)
def test_faulty_requirement_is_found(tmp_path: Path, line: str, words: str) -> None:
    _write(tmp_path, "requirements-dev.lock", line + "\n")
    assert any(words in fault for fault in requirements.faults(tmp_path))


def test_absent_lock_is_found(tmp_path: Path) -> None:
    assert requirements.faults(tmp_path)


# addresses of registries ------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        # put together here, so that this file passes the check
        "see https://" + "pypi" + ".org/project/x",
        "https://files." + "pythonhosted" + ".org/packages/x.whl",
        '"resolved": "https://' + "registry.npmjs" + '.org/x"',
        "index" + "-url = https://packages.example.org/simple",
        "PIP_INDEX" + "_URL=https://packages.example.org/simple",
    ],
)
def test_registry_address_is_found(tmp_path: Path, line: str) -> None:
    _write(tmp_path, "notes.txt", f"first\n{line}\n")
    assert addresses.faults(tmp_path) == ["notes.txt:2: holds the address of a package registry"]


def test_other_addresses_pass(tmp_path: Path) -> None:
    _write(tmp_path, "notes.txt", "https://example.org/pypi and pip install -r requirements.lock")
    assert addresses.faults(tmp_path) == []


def test_ignored_files_are_not_looked_at(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    _write(tmp_path, ".gitignore", "var/\n")
    _write(tmp_path, "var/pip.log", "https://" + "pypi" + ".org/simple")
    assert addresses.faults(tmp_path) == []
    assert [path.name for path in tree.files(tmp_path)] == [".gitignore"]


# migrations ------------------------------------------------------------------------------

_HEADER = '"""A step.\n\nWhy: because.\nUndo: drop table x.\n"""\n'


def _steps(root: Path, **steps: str) -> None:
    """Folder common/migrations/platform with these files (`s0001_a` → `0001_a.py`)."""
    for name, text in steps.items():
        _write(root, f"common/migrations/platform/{name[1:]}.py", text)


def _body(revision: str, before: str | None) -> str:
    return f"{_HEADER}revision = {revision!r}\ndown_revision: str | None = {before!r}\n"


def test_chain_of_steps_passes(tmp_path: Path) -> None:
    _steps(tmp_path, s0001_begin=_body("0001", None), s0002_more=_body("0002", "0001"))
    assert migrations.faults(tmp_path) == []


def test_gap_in_the_numbers_is_found(tmp_path: Path) -> None:
    _steps(tmp_path, s0001_begin=_body("0001", None), s0003_more=_body("0003", "0001"))
    assert any("should be number 0002" in fault for fault in migrations.faults(tmp_path))


def test_two_heads_are_found(tmp_path: Path) -> None:
    _steps(tmp_path, s0001_begin=_body("0001", None), s0002_a=_body("0002", "0001"), s0002_b=_body("0002b", "0001"))
    faults = migrations.faults(tmp_path)
    assert any("has 2 heads" in fault for fault in faults)
    assert any("should be number 0003" in fault for fault in faults)


def test_revision_other_than_the_number_is_found(tmp_path: Path) -> None:
    _steps(tmp_path, s0001_begin=_body("1", None))
    assert any("revision must be '0001'" in fault for fault in migrations.faults(tmp_path))


def test_wrong_predecessor_is_found(tmp_path: Path) -> None:
    _steps(tmp_path, s0001_begin=_body("0001", None), s0002_more=_body("0002", "0000"))
    assert any("down_revision must be '0001'" in fault for fault in migrations.faults(tmp_path))


@pytest.mark.parametrize("word", ["Why", "Undo"])
def test_header_without_its_lines_is_found(tmp_path: Path, word: str) -> None:
    _steps(tmp_path, s0001_begin=_body("0001", None).replace(f"{word}:", "Note:"))
    [fault] = migrations.faults(tmp_path)
    assert f"does not say {word.lower()}" in fault


def test_misnamed_step_is_found(tmp_path: Path) -> None:
    _steps(tmp_path, s0001_begin=_body("0001", None), sfix=_body("0002", "0001"))
    assert any("is not named NNNN_slug.py" in fault for fault in migrations.faults(tmp_path))


# sizes and links ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.py", "html/a.html", "a.sql"])
def test_file_of_401_lines_is_found(tmp_path: Path, name: str) -> None:
    _write(tmp_path, name, "x\n" * 401)
    _write(tmp_path, f"right/{name}", "x\n" * 400)
    _write(tmp_path, "requirements.lock", "x\n" * 1000)
    [fault] = sizes.faults(tmp_path)
    assert fault.startswith(f"{name}: 401 lines")


def test_link_to_a_missing_page_is_found(tmp_path: Path) -> None:
    _write(tmp_path, "docs/a.md", "[b](b.md), [outside](../../b.md), [site](https://example.org/x)\n")
    assert len(links.faults(tmp_path)) == 2


def test_link_to_a_missing_heading_is_found(tmp_path: Path) -> None:
    _write(tmp_path, "a.md", "# What `b` is\n\n[right](#what-b-is) [wrong](#what-c-is)\n")
    [fault] = links.faults(tmp_path)
    assert "#what-c-is" in fault


def test_links_in_code_are_not_links(tmp_path: Path) -> None:
    _write(tmp_path, "a.md", "`[text](url)`\n\n```\n[text](url)\n```\n")
    assert links.faults(tmp_path) == []
