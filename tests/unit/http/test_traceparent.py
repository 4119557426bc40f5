from __future__ import annotations

import asyncio

import pytest

from common.http.trace import begin_trace, current_trace, current_trace_id

_TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_well_formed_trace_is_kept_with_a_span_of_our_own() -> None:
    version, trace_id, span_id, flags = begin_trace(f"00-{_TRACE}-b7ad6b7169203331-01").split("-")
    assert (version, trace_id, flags) == ("00", _TRACE, "01")
    assert span_id != "b7ad6b7169203331"
    assert current_trace_id() == _TRACE


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "nonsense",
        f"ff-{_TRACE}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{_TRACE}-{'0' * 16}-01",
        f"00-{_TRACE.upper()}-b7ad6b7169203331-01",
        f"00-{_TRACE}-b7ad6b7169203331-01\n",
        f"00-{_TRACE}-b7ad6b7169203331-01-" + "x" * 300,
    ],
)
def test_malformed_trace_gives_way_to_a_new_one(sent: str) -> None:
    trace = begin_trace(sent)
    assert len(trace) == 55
    assert _TRACE not in trace


def test_traces_do_not_repeat() -> None:
    assert len({begin_trace()[3:52] for _ in range(2000)}) == 2000


async def test_each_task_has_its_own_trace() -> None:
    async def one() -> bool:
        mine = begin_trace()
        await asyncio.sleep(0)
        return current_trace() == mine

    assert all(await asyncio.gather(*(one() for _ in range(10))))
