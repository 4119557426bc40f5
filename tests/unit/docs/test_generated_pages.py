"""The pages made from the code: complete, in plain words, the same on every run."""

from __future__ import annotations

import msgspec
import pytest

from common.cli.restoring import DatabaseBusy
from common.errors import Conflict, NotFound
from deploy.docs import advice, configuration, errors, openapi
from deploy.docs.configuration import kind_of, program_name
from services.notify.settings import ApiSettings, WorkerSettings


def _fields(kind: type[msgspec.Struct]) -> set[str]:
    names: set[str] = set()
    for field in msgspec.structs.fields(kind):
        is_part = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        names |= _fields(field.type) if is_part else {field.name.upper()}
    return names


def test_every_variable_of_every_program_is_listed_once() -> None:
    for name, kind in configuration.programs().items():
        listed = [v.name for group in configuration.groups() if name in group.programs for v in group.variables]
        assert sorted(listed) == sorted(_fields(kind)), name


def test_every_variable_has_a_meaning() -> None:
    for group in configuration.groups():
        for variable in group.variables:
            assert variable.meaning, variable.name


def test_programs_are_named_as_they_are_started() -> None:
    assert program_name(ApiSettings) == "notify-api"
    assert program_name(WorkerSettings) == "notify-worker"
    assert {"notify-api", "notify-worker", "colonnade", "inbox"} <= set(configuration.programs())


def test_required_and_optional_variables_are_told_apart() -> None:
    page = configuration.page()
    assert "| `DATABASE_URL` | text, `^postgres(ql)?://` | required |" in page
    assert "| `SMTP_PORT` | whole number, 1 to 65535 | `587` |" in page
    assert "| `RECEIPTS_TOKEN` | text | none |" in page


def test_pipes_and_angles_do_not_break_the_table() -> None:
    for line in configuration.page().splitlines():
        if line.startswith("| `"):
            assert line.replace("\\|", "").count("|") in (4, 5), line
            assert "<" not in line.replace("`", ""), line


def test_unknown_type_is_refused_rather_than_left_blank() -> None:
    with pytest.raises(TypeError):
        kind_of(msgspec.inspect.type_info(bytes))


def test_every_refusal_has_a_section_of_its_own() -> None:
    headings = [line[4:] for line in errors.page().splitlines() if line.startswith("### ")]
    assert headings == [kind.kind for kind in errors.kinds()]
    assert len(set(headings)) == len(headings)


def test_every_refusal_says_what_it_means() -> None:
    for kind in errors.kinds():
        assert kind.__doc__, kind.__name__


def test_advice_names_only_refusals_that_exist() -> None:
    assert set(advice.KINDS) <= {kind.kind for kind in errors.kinds()}


def test_refusal_without_advice_of_its_own_has_its_familys() -> None:
    assert "database-busy" not in advice.KINDS
    assert advice.advice_for(DatabaseBusy) == advice.advice_for(Conflict) != advice.advice_for(NotFound)


def test_openapi_is_the_same_whatever_ring_it_is_built_with() -> None:
    assert openapi.document("notify") == openapi.document("notify")
    assert msgspec.json.decode(openapi.document("notify"))["openapi"].startswith("3.1")
