"""What falls due when."""

import asyncio

from trunkline.capture.calls.agenda import Agenda
from trunkline.testing import ManualClock


async def test_items_come_by_their_time_and_not_before_it() -> None:
    clock = ManualClock(1000)
    agenda: Agenda[str] = Agenda(clock)
    for due_ms, item in ((1002, "c"), (1000, "a"), (1001, "b"), (1000, "aa")):
        agenda.add(due_ms, item)

    assert await agenda.due(10) == [(1000, "a"), (1000, "aa")]
    clock.advance(0.005)
    assert await agenda.due(1) == [(1001, "b")]
    assert await agenda.due(1) == [(1002, "c")]


async def test_an_earlier_item_wakes_who_waits_for_a_later_one() -> None:
    agenda: Agenda[str] = Agenda(ManualClock(1000))
    agenda.add(9000, "later")
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(agenda.due(10))
        await asyncio.sleep(0)
        agenda.add(1000, "now")

    assert waiting.result() == [(1000, "now")]
