"""Syncs that the kernel makes, where it does; and where it does not, somebody says so."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.loops import BOTH_LOOPS, LOOP_NAMES

from trunkline.database import kernel_sync as module
from trunkline.database.file import Database
from trunkline.database.kernel_sync import KernelSync, kernel_sync


@pytest.fixture(scope="module", params=BOTH_LOOPS, ids=LOOP_NAMES)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


async def synced(kernel: KernelSync) -> OSError | None:
    ended = asyncio.get_running_loop().create_future()
    kernel.begin(ended.set_result)
    async with asyncio.timeout(10):
        error: OSError | None = await ended
    return error


class FakeOperation:
    """What the kernel is asked for; it ends as the test says."""

    result: BaseException | None = None

    @classmethod
    def fdsync(cls, _descriptor: int) -> "FakeOperation":
        return cls()

    def set_callback(self, callback: Callable[[int], None]) -> None:
        self.callback = callback

    def get_value(self) -> None:
        if self.result is not None:
            raise self.result


class FakeContext:
    """Ends what it is asked for at once, or refuses it."""

    refusal: BaseException | None = None
    room = 1
    # As in the library's module, which this stands for as well.
    Context: Any
    Operation: Any

    def __init__(self, _most: int) -> None:
        self.fileno, self._other = os.pipe()
        self._asked: list[FakeOperation] = []

    def submit(self, operation: FakeOperation) -> int:
        if self.refusal is not None:
            raise self.refusal
        if self.room:
            self._asked.append(operation)
            os.write(self._other, b"x")
        return self.room

    def poll(self) -> None:
        os.read(self.fileno, 1)
        raise BlockingIOError

    def process_events(self) -> None:
        for operation in self._asked:
            operation.callback(0)
        self._asked.clear()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeContext]:
    class Context(FakeContext):
        pass

    class Operation(FakeOperation):
        pass

    Context.Context, Context.Operation = Context, Operation
    monkeypatch.setattr(module, "linux_aio", Context)
    return Context


@pytest.fixture
async def kernel(descriptor: int) -> AsyncIterator[KernelSync]:
    made = await kernel_sync(descriptor, asyncio.get_running_loop())
    if made is None:
        # macOS, and containers that forbid it: there a thread syncs.
        pytest.skip("this system makes no syncs by itself")
    yield made
    made.close()


async def test_the_kernel_tells_when_a_file_is_on_the_disk(
    kernel: KernelSync, descriptor: int
) -> None:
    for _ in range(3):
        os.write(descriptor, b"x" * 10_000)
        assert await synced(kernel) is None


async def test_a_file_that_is_none_is_refused_at_once(
    kernel: KernelSync, descriptor: int
) -> None:
    kernel._descriptor = 1_000_000
    with pytest.raises(OSError, match="EBADF"):
        kernel.begin(lambda _: None)
    kernel._descriptor = descriptor
    assert await synced(kernel) is None


async def test_where_there_is_no_such_thing_nobody_is_asked(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "linux_aio", None)
    assert await kernel_sync(descriptor, asyncio.get_running_loop()) is None


@pytest.mark.parametrize(
    "error", [OSError(errno.EAGAIN, "aio-max-nr"), SystemError("seccomp")]
)
async def test_a_kernel_that_refuses_is_not_asked_again(
    fake: Any, descriptor: int, error: Exception
) -> None:
    def refuses(_most: int) -> None:
        raise error

    fake.Context = refuses
    assert await kernel_sync(descriptor, asyncio.get_running_loop()) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda fake: setattr(fake, "refusal", ValueError("EINVAL")),
        lambda fake: setattr(fake, "refusal", OverflowError("EAGAIN")),
        lambda fake: setattr(fake, "refusal", SystemError(1, "EPERM")),
        lambda fake: setattr(fake, "room", 0),
        lambda fake: setattr(fake.Operation, "result", OSError(errno.EINVAL, "no")),
    ],
    ids=["refused", "full", "forbidden", "no room", "failed"],
)
async def test_a_kernel_whose_first_sync_fails_is_not_asked_again(
    fake: Any, descriptor: int, spoil: Callable[[Any], None]
) -> None:
    spoil(fake)
    assert await kernel_sync(descriptor, asyncio.get_running_loop()) is None


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "Input/output error"), SystemError("of its own")]
)
async def test_why_a_sync_failed_is_told(
    fake: Any, descriptor: int, error: Exception
) -> None:
    kernel = await kernel_sync(descriptor, asyncio.get_running_loop())
    assert kernel is not None
    fake.Operation.result = error
    told = await synced(kernel)
    assert isinstance(told, OSError)
    assert str(error) in str(told)
    kernel.close()


@pytest.mark.parametrize("error", [OverflowError("EAGAIN"), SystemError(12, "ENOMEM")])
async def test_a_kernel_that_refuses_later_tells_nobody_and_says_so(
    fake: Any, descriptor: int, error: Exception
) -> None:
    kernel = await kernel_sync(descriptor, asyncio.get_running_loop())
    assert kernel is not None
    fake.refusal = error
    told: list[OSError | None] = []
    with pytest.raises(OSError, match="E"):
        kernel.begin(told.append)
    fake.refusal = None
    assert await synced(kernel) is None
    assert told == []
    kernel.close()


async def test_an_end_that_cannot_be_fetched_is_a_sync_that_failed(
    fake: Any, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = await kernel_sync(descriptor, asyncio.get_running_loop())
    assert kernel is not None

    def fails(_context: object) -> None:
        raise SystemError(1, "Operation not permitted")

    monkeypatch.setattr(fake, "process_events", fails)
    assert "not permitted" in str(await synced(kernel))
    kernel.close()
    assert await kernel_sync(descriptor, asyncio.get_running_loop()) is None


async def test_a_first_sync_that_never_ends_is_not_waited_for(
    fake: Any, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_SYNC_S", 0.01)
    monkeypatch.setattr(fake, "process_events", lambda _context: None)
    assert await kernel_sync(descriptor, asyncio.get_running_loop()) is None


async def test_who_is_cancelled_meanwhile_leaves_nothing_behind(
    fake: Any, descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake, "process_events", lambda _context: None)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(kernel_sync(descriptor, loop))
        await asyncio.sleep(0.01)
        opening.cancel()
    assert opening.cancelled()


async def test_a_database_is_written_the_same_with_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("with", "without"):
        database = Database(tmp_path / f"{name}.db")
        await database.open()
        await database.write(
            lambda c: c.execute("INSERT INTO salt VALUES ('a', x'01')").close()
        )
        found = await database.read(
            lambda c: c.execute("SELECT * FROM salt").fetchall()
        )
        await database.close()
        assert found == [("a", b"\x01")]
        monkeypatch.setattr(module, "linux_aio", None)
