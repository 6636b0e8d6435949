"""The machine's clock."""

import asyncio

import pytest

from trunkline.clock import SystemClock


async def test_a_wait_ends_with_the_news_or_with_the_time() -> None:
    clock, news = SystemClock(), asyncio.Event()
    await clock.wait(news, 0)
    news.set()
    await clock.wait(news, 1000)


@pytest.mark.parametrize("turns", range(4))
async def test_who_is_cancelled_while_the_news_comes_is_cancelled(turns: int) -> None:
    news = asyncio.Event()
    waiting = asyncio.ensure_future(SystemClock().wait(news, 1000))
    for _ in range(3):
        await asyncio.sleep(0)
    news.set()
    for _ in range(turns):
        await asyncio.sleep(0)

    was_under_way = waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled() is was_under_way
