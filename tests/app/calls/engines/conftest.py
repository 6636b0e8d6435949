"""The Asterisk engine, running against a fake Asterisk, on a clock turned by hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from tests.app.calls.engines.fake_ari import PASSWORD, USER, Asked, FakeAri
from tests.app.calls.engines.news import News

from trunkline.capture.calls.call import Call, Direction
from trunkline.capture.calls.engines.asterisk import Ari, AsteriskEngine, Plan
from trunkline.capture.calls.progress import Report
from trunkline.errors import StorageFailed
from trunkline.testing import ManualClock


ACCOUNT_SID = "AC" + "0" * 31 + "1"


class Rig:
    """An engine that runs, its Asterisk, and what it tells."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_789_378_200_000)  # 2026-09-14T09:30:00Z
        self.ari = FakeAri()
        self.reports: News[Report] = News()
        self.adopted: News[Call] = News()
        self.disk_full = False

    def start(self) -> None:
        self.engine = AsteriskEngine(
            ari=Ari(url=self.ari.url, user=USER, password=PASSWORD, app="trunkline"),
            report=self._report,
            adopt=self._adopt,
            clock=self.clock,
            plan=Plan(
                endpoint="PJSIP/{number}@trunk",
                account_sid=ACCOUNT_SID,
                networks=(ip_network("127.0.0.0/8"),),
            ),
        )

    async def _report(self, reports: Sequence[Report]) -> None:
        if self.disk_full:
            self.disk_full = False
            raise StorageFailed("no space")
        for report in reports:
            self.reports.add(report)

    async def _adopt(self, call: Call) -> None:
        self.adopted.add(call)

    def call(self, number: int = 1, **fields: Any) -> Call:
        """A call that is to be dialled."""
        details: dict[str, Any] = {
            "sid": f"CA{number:032x}",
            "account_sid": ACCOUNT_SID,
            "to": "+14155550142",
            "from_": "+12025550123",
            "direction": Direction.OUTBOUND_API,
            "created_ms": self.clock.now_ms(),
            "updated_ms": self.clock.now_ms(),
        }
        return Call(**details | fields)

    async def dialled(self, **fields: Any) -> Call:
        """A call that Asterisk is dialling."""
        call = self.call(**fields)
        await self.engine.place(call)
        await self.asked("POST /channels", channelId=call.sid)
        return call

    async def asked(self, what: str, count: int = 1, **query: str) -> Asked:
        """Wait until Asterisk has been asked that, that often."""
        return await self.ari.asked.until(
            lambda asked: (
                f"{asked.method} {asked.path}" == what
                and query.items() <= asked.query.items()
            ),
            count,
        )

    async def looked(self, count: int) -> None:
        """Wait until the engine has looked at the channels that often."""
        await self.asked("GET /channels", count)

    async def told(self, call_sid: str, state: str) -> Report:
        """Wait for a report."""
        return await self.reports.until(
            lambda report: report.leg == call_sid and report.state == state
        )

    async def connected(self, count: int) -> None:
        """Wait for that connection to be made and looked after."""
        await self.asked("GET /events", count)
        # Each connection asks for the channels twice: whom to hear of, and a look.
        await self.looked(2 * count)

    async def turn_until(self, seconds: float, what: str, count: int) -> None:
        """Turn the clock, in steps, until Asterisk has been asked that, that often."""
        waiting = asyncio.ensure_future(self.asked(what, count))
        while not waiting.done():
            self.clock.advance(seconds)
            await asyncio.wait({waiting}, timeout=0.005)
        await waiting


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    await rig.ari.start()
    rig.start()
    async with asyncio.TaskGroup() as tasks:
        engine = tasks.create_task(rig.engine.run())
        await rig.looked(2)
        yield rig
        engine.cancel()
    await rig.ari.stop()
