"""The house's rules (../shared/design/architecture.md), read from the source itself: who may import whom, where SQL
may stand, and that no provider is called inside a transaction."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FRAMEWORKS = ("litestar", "uvicorn", "starlette")
PROVIDERS = ("httpx", "aiosmtplib", "smtplib", "aiohttp", "requests", "stripe")
STORAGE = ("asyncpg", "redis", "sqlalchemy", "alembic", "common.db", "common.queue")
NAMED_ROOMS = ("api", "app", "flow", "jobs", "pages", "store", "wire", "worker")

# What a room may not import: modules by name, and other rooms of services by theirs.
FORBIDDEN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "api": (("asyncpg", "redis", *PROVIDERS), ("store", "jobs", "app", "worker")),
    "pages": (("asyncpg", "redis"), ("store", "jobs", "app", "worker")),
    "jobs": ((*FRAMEWORKS, *PROVIDERS, "common.http"), ("store", "api", "pages", "wire", "app")),
    "flow": ((*FRAMEWORKS, *PROVIDERS, "redis"), ("api", "jobs", "pages", "wire", "app", "worker")),
    "store": ((*FRAMEWORKS, *PROVIDERS, "redis", "common.http"), ("api", "flow", "jobs", "pages", "wire", "context")),
    "wire": ((*FRAMEWORKS, *PROVIDERS, *STORAGE, "common.http"), ("api", "flow", "jobs", "pages", "store", "context")),
    "rules": (
        (*FRAMEWORKS, *PROVIDERS, *STORAGE, "asyncio", "socket", "common.http", "common.tenancy", "common.settings"),
        (*NAMED_ROOMS, "context"),
    ),
}
FORBIDDEN["states"] = FORBIDDEN["rules"]

# Provider libraries stand behind a Protocol in these folders. arq is known to two modules (ADR 0002).
ADAPTERS = ("channels", "gateways", "files", "webhooks")
ARQ = ("common/queue/courier.py", "common/queue/doorbell.py")
PROVIDER_CALLS = frozenset({"send_many", "ask"})

SQL = re.compile(
    r"\s*(select\s[\s\S]*\bfrom\b|select\s+\w+\.\w+\(|insert\s+into\s|update\s[\w.{}]+(\s+\w+)?\s+set\s|"
    r"delete\s+from\s|truncate\s|with\s+(recursive\s+)?\w+\s+as\s|(create|alter|drop)\s+(table|index|role|schema)\s)",
    re.IGNORECASE,
)
# SQL outside a store.py and the migrations: what common gives to every service's schema or reads for every request
SQL_ROOMS = (
    "common/db/",
    "common/queue/",
    "common/testing/",
    "common/audit/events.py",
    "common/auth/directory.py",
    "common/http/idempotency.py",
    "common/cli/steps.py",
)

# Arrows that break a rule for a reason. One that is no longer needed fails the test too.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("services/notify/messages/flow.py", "flow imports services.notify.messages.wire"): (
        "a page of 250 messages is opened, rendered and mapped row by row while its template is at hand"
    ),
    ("services/console/pages.py", "imports httpx outside an adapter"): (
        "the console asks the other components over HTTP, as any caller would (rule 2)"
    ),
}


class Arrow(NamedTuple):
    """An import: the module named, and the name taken from it ("" for a whole module)."""

    module: str
    name: str
    line: int

    @property
    def reaches(self) -> tuple[str, ...]:
        return (self.module, f"{self.module}.{self.name}") if self.name else (self.module,)


class Fault(NamedTuple):
    """A broken rule."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def arrows(tree: ast.AST, path: str) -> Iterator[Arrow]:
    """Every import, also inside functions; relative ones made absolute."""
    package = PurePosixPath(path).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Arrow(alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (Arrow(module, alias.name, node.lineno) for alias in node.names)


def is_under(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


def room(path: str) -> str:
    return PurePosixPath(path).stem


def house_faults(path: str, arrow: Arrow) -> Iterator[str]:
    """Who stands on whom: services on common, never on each other; nothing on deploy or tests."""
    parts = path.split("/")
    for reached in arrow.reaches[:1]:
        top = reached.split(".")
        if parts[0] == "common" and top[0] == "services":
            yield f"common imports a service: {reached}"
        if parts[0] == "services" and top[0] == "services" and len(top) > 1 and top[1] != parts[1]:
            yield f"{parts[1]} imports its sibling {top[1]}: {reached}"
        if top[0] in ("deploy", "tests"):
            yield f"imports {top[0]}: {reached}"


def is_row_type(arrow: Arrow) -> bool:
    """A Struct that a store gives, needed to map it to the wire; not a query."""
    return arrow.module.endswith(".store") and arrow.name[:1].isupper()


def room_faults(path: str, arrow: Arrow) -> Iterator[str]:
    """The rooms of a slice: the table in architecture.md."""
    parts = path.split("/")
    if len(parts) < 4 and parts[0] == "services":
        return  # services/<name>/api.py and worker.py are programs, not slices
    modules, rooms = FORBIDDEN.get(room(path), ((), ()))
    named = next((reached for reached in arrow.reaches if is_under(reached, modules)), None)
    if named is not None:
        yield f"{room(path)} imports {named}"
    for reached in arrow.reaches:
        steps = reached.split(".")
        if steps[0] != "services" or len(steps) < 3 or steps[-1] not in rooms:
            continue
        if room(path) in ("api", "pages") and is_row_type(arrow):
            continue
        yield f"{room(path)} imports {reached}"


def library_faults(path: str, arrow: Arrow) -> Iterator[str]:
    """Libraries that only certain rooms know."""
    parts = path.split("/")
    if is_under(arrow.module, ("arq",)) and path not in ARQ:
        yield "imports arq: only the courier and the doorbell know it"
    if parts[0] == "services" and is_under(arrow.module, PROVIDERS) and not set(ADAPTERS) & set(parts):
        yield f"imports {arrow.module} outside an adapter"
    is_adapter = bool(set(ADAPTERS) & set(arrow.module.split(".")))
    if room(path) == "flow" and is_adapter and not arrow.module.endswith(".protocol"):
        yield f"flow imports {arrow.module}: only an adapter's Protocol is for flows"


def sql_faults(path: str, tree: ast.AST) -> Iterator[Fault]:
    """SQL outside the rooms for it. Docstrings and f-string pieces count by their text like any constant."""
    if room(path) == "store" or "migrations" in path.split("/") or path.startswith(SQL_ROOMS):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or not SQL.match(node.value):
            continue
        if not node.value.split()[0].istitle():  # a sentence for a person begins with a capital
            yield Fault(path, node.lineno, f"SQL outside a store: {' '.join(node.value.split())[:60]}")


def _opens_transaction(node: ast.AsyncWith) -> bool:
    return any(
        isinstance(item.context_expr, ast.Call)
        and isinstance(item.context_expr.func, ast.Attribute)
        and item.context_expr.func.attr == "transaction"
        for item in node.items
    )


def transaction_faults(path: str, tree: ast.AST) -> Iterator[Fault]:
    """A provider called while a transaction is open: its slowness would hold locks, a rollback forget its answer."""
    for block in ast.walk(tree):
        if not isinstance(block, ast.AsyncWith) or not _opens_transaction(block):
            continue
        for node in ast.walk(block):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PROVIDER_CALLS:
                yield Fault(path, node.lineno, f"calls {node.func.attr} inside a transaction")


def faults_of(path: str, source: str) -> list[Fault]:
    """All that breaks a rule in a file. path: from the root of the project."""
    tree = ast.parse(source)
    found = [*sql_faults(path, tree), *transaction_faults(path, tree)]
    for arrow in arrows(tree, path):
        for check in (house_faults, room_faults, library_faults):
            found += [Fault(path, arrow.line, what) for what in check(path, arrow)]
    return sorted(set(found))


def sources() -> list[str]:
    return sorted(str(file.relative_to(ROOT)) for top in ("common", "services") for file in (ROOT / top).rglob("*.py"))


@pytest.fixture(scope="module")
def faults() -> list[Fault]:
    return [fault for path in sources() for fault in faults_of(path, (ROOT / path).read_text(encoding="utf-8"))]


def test_no_file_breaks_the_rules_of_the_house(faults: list[Fault]) -> None:
    unexcused = [str(fault) for fault in faults if (fault.path, fault.what) not in EXCEPTIONS]
    assert not unexcused, "\n".join(unexcused)


def test_no_exception_is_kept_longer_than_needed(faults: list[Fault]) -> None:
    needed = {(fault.path, fault.what) for fault in faults}
    assert set(EXCEPTIONS) <= needed


# the rules themselves: a planted violation of each is caught ------------------

PLANTED = [
    ("services/forms/answers/flow.py", "from services.notify.messages import flow", "imports its sibling notify"),
    ("services/forms/app.py", "import services.pay.payments.flow", "imports its sibling pay"),
    ("common/http/app.py", "from services.notify import errors", "common imports a service"),
    ("common/http/app.py", "def late():\n    from services import notify", "common imports a service"),
    ("services/pay/app.py", "from deploy.local import inbox", "imports deploy"),
    ("common/ids.py", "import tests.bench", "imports tests"),
    ("services/pay/refunds/api.py", "from services.pay.refunds import store", "api imports services.pay.refunds.store"),
    ("services/pay/refunds/api.py", "from .store import find_refund", "api imports services.pay.refunds.store"),
    ("services/pay/refunds/flow.py", "from litestar import Request", "flow imports litestar"),
    ("services/pay/refunds/flow.py", "import arq", "imports arq"),
    ("services/pay/refunds/flow.py", "from services.pay.refunds import api", "flow imports services.pay.refunds.api"),
    ("services/pay/refunds/flow.py", "from services.pay.gateways.stripe import Stripe", "only an adapter's Protocol"),
    ("services/pay/refunds/rules.py", "from services.pay.refunds import store", "rules imports services.pay"),
    ("services/pay/refunds/rules.py", "from common.db import Tx", "rules imports common.db"),
    ("services/pay/refunds/states.py", "import asyncio", "states imports asyncio"),
    ("services/pay/refunds/store.py", "from services.pay.refunds.flow import refund", "store imports services.pay"),
    ("services/pay/refunds/store.py", "from litestar import get", "store imports litestar"),
    ("services/pay/refunds/wire.py", "from services.pay.refunds.store import RefundRow", "wire imports services.pay"),
    ("services/pay/refunds/wire.py", "import asyncpg", "wire imports asyncpg"),
    ("services/pay/refunds/jobs.py", "from services.pay.refunds import store", "jobs imports services.pay"),
    ("services/pay/refunds/jobs.py", "from litestar import Request", "jobs imports litestar"),
    ("services/pay/refunds/pages.py", "from services.pay.refunds import store", "pages imports services.pay"),
    ("services/pay/refunds/flow.py", "import httpx", "flow imports httpx"),
    ("services/pay/refunds/asking.py", "import httpx", "outside an adapter"),
    ("services/pay/refunds/flow.py", 'X = """\nselect id\nfrom pay.refunds\n"""', "SQL outside a store"),
    ("services/pay/refunds/api.py", 'X = f"update pay.refunds set state = {1}"', "SQL outside a store"),
    ("common/tenancy/flow.py", "X = 'with gone as (delete from x) select 1'", "SQL outside a store"),
    (
        "services/pay/refunds/flow.py",
        "async def f(db, c):\n    async with db.lock, db.transaction() as tx:\n        await c.send_many([])",
        "calls send_many inside a transaction",
    ),
]


@pytest.mark.parametrize(("path", "source", "expected"), PLANTED)
def test_a_planted_violation_is_caught(path: str, source: str, expected: str) -> None:
    found = [fault.what for fault in faults_of(path, source)]
    assert any(expected in what for what in found), found


ALLOWED = [
    ("services/pay/refunds/api.py", "from services.pay.refunds import flow, wire\nfrom litestar import post"),
    ("services/pay/refunds/api.py", "from services.pay.refunds.store import RefundRow"),
    ("services/pay/refunds/flow.py", "from services.pay.refunds import rules, states, store\nfrom common.db import Tx"),
    ("services/pay/refunds/flow.py", "from services.pay.gateways.protocol import Gateway"),
    ("services/pay/gateways/stripe.py", "import httpx"),
    ("services/pay/refunds/store.py", 'X = "select id from pay.refunds"'),
    ("services/pay/migrations/0001_pay.py", 'X = "create table pay.refunds ()"'),
    ("services/pay/refunds/flow.py", 'X = "Select a refund from the list."'),
    ("services/pay/worker.py", "from services.pay.refunds import store"),
    (
        "services/pay/refunds/flow.py",
        "async def f(db, c):\n    async with db.transaction() as tx:\n        x = 1\n    await c.send_many([])",
    ),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_what_the_rules_allow_is_left_alone(path: str, source: str) -> None:
    assert faults_of(path, source) == []
