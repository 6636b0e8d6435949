"""Faults of the real world, on the real process: nothing is accepted that is not kept."""

import fcntl
import json
import os
import resource
import socket
import sqlite3
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.system.server import Server
from tests.system.test_server import access_token, post_once, refusal
from tiers.crash.clients import Load, connect, subscribe, wait_until
from tiers.crash.receivers import Receiver
from tiers.crash.sweep import page_bytes

from trunkline.database import DATABASE_FILE


pytestmark = pytest.mark.timeout(120)


class SmallDisk:
    """A disk of its own for the data folder: in memory, as large as the test says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path / "data"

    def mount(self, size: str) -> None:
        self.path.mkdir()
        command = [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"size={size}",
            "tmpfs",
            str(self.path),
        ]
        subprocess.run(command, check=True, capture_output=True)

    def remount(self, options: str) -> None:
        command = ["mount", "-o", f"remount,{options}", str(self.path)]
        subprocess.run(command, check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "disk")
    try:
        disk.mount("3m")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a disk can be mounted by root only")
    yield disk
    disk.unmount()


class DyingDisk:
    """A disk that can fail for good: what was not synced by then is lost.

    A file system in a file, which lies on a `SmallDisk`.
    """

    def __init__(self, below: SmallDisk, path: Path) -> None:
        self.path = path
        self.folder = path / "data"
        self._image = below.path / "image"
        self._device = ""

    def make(self) -> None:
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(64 * 1024 * 1024)
        command = ["mkfs.ext4", "-q", str(self._image)]
        subprocess.run(command, check=True, capture_output=True)

    def mount(self) -> None:
        command = ["losetup", "--find", "--show", str(self._image)]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        self._device = found.stdout.strip()
        mount = ["mount", self._device, str(self.path)]
        subprocess.run(mount, check=True, capture_output=True)

    def die(self) -> None:
        """Fail from now on, as a file system does whose device is gone."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, _SHUT_DOWN, struct.pack("I", _WITHOUT_A_FLUSH))
        finally:
            os.close(folder)

    def unmount(self) -> None:
        for command in (["umount", str(self.path)], ["losetup", "-d", self._device]):
            subprocess.run(command, check=True, capture_output=True)


# EXT4_IOC_SHUTDOWN, and its flag that leaves unwritten what is in the journal's memory.
_SHUT_DOWN, _WITHOUT_A_FLUSH = 0x8004587D, 2


@pytest.fixture
def dying_disk(disk: SmallDisk, tmp_path: Path) -> Iterator[DyingDisk]:
    disk.remount("size=100m")
    dying = DyingDisk(disk, tmp_path / "dying")
    try:
        dying.make()
        dying.mount()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there are no loop devices here")
    yield dying
    dying.unmount()


def is_well(server: Server) -> bool:
    with closing(connect(server)) as connection, suppress(ConnectionError):
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    return False


def all_delivered(load: Load, receiver: Receiver) -> bool:
    return load.posts <= receiver.names and load.calls <= receiver.completed


def test_a_full_disk_refuses_with_503_and_goes_on_when_there_is_room(
    disk: SmallDisk,
) -> None:
    with Receiver() as receiver, Server(disk.folder) as server:
        subscribe(server, "steady", receiver.url)
        load = Load(receiver.url)
        load.start(server)
        assert wait_until(lambda: load.refused > 20, 30)
        assert server.process.poll() is None
        assert post_once(server, access_token(), 1_000_000) == 503

        before = load.accepted
        disk.remount("size=64m")
        assert wait_until(lambda: load.accepted > before + 50, 30)
        load.join()
        assert wait_until(lambda: all_delivered(load, receiver), 30)
        assert is_well(server)
        assert server.stop() == 0


def test_what_was_accepted_before_the_disk_was_full_survives_a_kill(
    disk: SmallDisk,
) -> None:
    with Receiver() as receiver:
        load = Load(receiver.url)
        with Server(disk.folder) as server:
            subscribe(server, "steady", receiver.url)
            load.start(server)
            assert wait_until(lambda: load.refused > 20, 30)
            server.kill()
            load.join()
        disk.remount("size=64m")
        with Server(disk.folder) as server:
            assert wait_until(lambda: all_delivered(load, receiver), 30)


def test_a_disk_that_dies_under_load_takes_nothing_along_that_was_accepted(
    dying_disk: DyingDisk,
) -> None:
    with Receiver() as receiver:
        load = Load(receiver.url)
        with Server(dying_disk.folder) as server:
            subscribe(server, "steady", receiver.url)
            load.start(server)
            assert wait_until(lambda: load.accepted > 200, 30)
            dying_disk.die()
            assert wait_until(lambda: load.refused > 20, 30)
            accepted = load.accepted
            assert post_once(server, access_token(), 1_000_000) == 503
            assert is_well(server)
            load.join()
            assert load.accepted == accepted
            server.kill()
        dying_disk.unmount()
        dying_disk.mount()
        with Server(dying_disk.folder) as server:
            assert wait_until(lambda: all_delivered(load, receiver), 30)
            assert post_once(server, access_token(), 1_000_001) == 200
            assert server.stop() == 0


def test_a_disk_that_is_full_at_the_start_is_named(disk: SmallDisk) -> None:
    disk.remount("size=16k")

    said = refusal("--data-dir", str(disk.folder))

    assert str(disk.folder) in said


def test_a_disk_that_becomes_read_only_refuses_and_says_so(disk: SmallDisk) -> None:
    # The kernel makes no disk read-only while a file is open for writing. To whoever
    # writes, a limit on the size of files is the same.
    with Server(disk.folder) as server:
        token = access_token()
        assert post_once(server, token, 1) == 200
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, 0))

        assert post_once(server, token, 2) == 503
        assert is_well(server)

    disk.remount("ro")
    assert "cannot be written" in refusal("--data-dir", str(disk.folder))


def test_a_torn_end_of_the_log_costs_nothing_that_was_synced(tmp_path: Path) -> None:
    with Receiver() as receiver:
        load = Load(receiver.url)
        with Server(tmp_path) as server:
            subscribe(server, "steady", receiver.url)
            load.start(server)
            assert wait_until(lambda: load.accepted > 100, 30)
            server.kill()
        load.join()
        with (tmp_path / f"{DATABASE_FILE}-wal").open("ab") as log:
            log.write(os.urandom(6000))
        with Server(tmp_path) as server:
            assert wait_until(lambda: all_delivered(load, receiver), 30)
            assert server.stop() == 0


def break_page(folder: Path, number: int) -> None:
    """Overwrite a page of the database; negative numbers count from its end."""
    database = folder / DATABASE_FILE
    data = bytearray(database.read_bytes())
    page = page_bytes(data)
    at = (number % (len(data) // page)) * page
    data[at : at + page] = b"\xa5" * page
    database.write_bytes(data)
    for name in ("-wal", "-shm"):
        (folder / f"{DATABASE_FILE}{name}").unlink(missing_ok=True)


def test_a_database_without_its_first_page_is_refused_by_name(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert post_once(server, access_token(), 1) == 200
        assert server.stop() == 0
    break_page(tmp_path, 0)

    assert DATABASE_FILE in refusal("--data-dir", str(tmp_path))


@pytest.mark.parametrize("page", [-1, -2, -3])
def test_with_a_broken_page_at_the_end_what_is_accepted_is_still_kept(
    tmp_path: Path, page: int
) -> None:
    """The server cannot know of the page until it needs it; then it says 503."""
    with Receiver() as receiver:
        load = Load(receiver.url)
        with Server(tmp_path) as server:
            subscribe(server, "steady", receiver.url)
            load.start(server, calling=0)
            assert wait_until(lambda: load.accepted > 100, 30)
            load.join()
            assert wait_until(lambda: all_delivered(load, receiver), 30)
            assert server.stop() == 0
        head, earlier = len(load.posts), set(load.posts)
        break_page(tmp_path, page)
        with Server(tmp_path) as server:
            load.start(server, calling=0)
            before = load.accepted + load.refused
            assert wait_until(lambda: load.accepted + load.refused > before + 50, 30)
            load.join()
            assert is_well(server)
            complaints = [line for line in server.log if "malformed" in str(line)]
            assert wait_until(lambda: all_delivered(load, receiver), 10) or complaints
            server.kill()
        if load.posts == earlier:
            return  # it was the page that all new events would have gone to
        with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection:
            rows = connection.execute(
                "SELECT data FROM event WHERE position > ?", (head,)
            )
            found = {json.loads(data)["name"] for (data,) in rows}
        assert load.posts - earlier <= found


def test_two_servers_on_one_folder_are_one_too_many(tmp_path: Path) -> None:
    with Receiver() as receiver, Server(tmp_path) as server:
        subscribe(server, "steady", receiver.url)
        load = Load(receiver.url)
        load.start(server)
        assert "in use by another process" in refusal("--data-dir", str(tmp_path))
        load.join()
        assert load.refused == 0
        assert wait_until(lambda: all_delivered(load, receiver), 30)


def test_without_file_descriptors_it_goes_on_when_there_are_some_again(
    tmp_path: Path,
) -> None:
    with Receiver() as receiver, Server(tmp_path) as server:
        subscribe(server, "steady", receiver.url)
        load = Load(receiver.url)
        load.start(server)
        assert wait_until(lambda: load.accepted > 20, 30)
        used = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 8, most))
        host, port = urlsplit(server.url).netloc.split(":")
        idle = [socket.create_connection((host, int(port))) for _ in range(60)]
        time.sleep(0.5)
        assert server.process.poll() is None
        for connection in idle:
            connection.close()
        before = load.accepted
        assert wait_until(lambda: load.accepted > before + 20, 30)
        load.join()
        assert wait_until(lambda: all_delivered(load, receiver), 60)
        # Connections to the sink that rest give theirs back within half a minute.
        assert wait_until(lambda: is_well(server), 60)
        assert server.stop() == 0


def test_sigterm_under_load_ends_with_0_and_keeps_what_was_accepted(
    tmp_path: Path,
) -> None:
    with Receiver() as receiver:
        load = Load(receiver.url)
        with Server(tmp_path) as server:
            subscribe(server, "steady", receiver.url)
            load.start(server)
            assert wait_until(lambda: load.accepted > 50, 30)
            assert server.stop() == 0
            load.join()
        with Server(tmp_path) as server:
            assert wait_until(lambda: all_delivered(load, receiver), 30)
            assert server.stop() == 0
