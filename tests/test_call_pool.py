"""The thread in which calls are made."""

from __future__ import annotations

from kontora_workflows.engine.call_thread import CallPool


def test_arguments_of_a_tool_may_have_any_names() -> None:
    pool = CallPool()
    given = {"method": "bank", "fn": 1, "args": 2, "values": 3}
    assert pool.submit(lambda connector, **values: (connector, values), "erp", **given).result(5) == ("erp", given)
    pool.close()
