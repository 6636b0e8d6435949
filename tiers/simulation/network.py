"""The network and who is on it: receivers that answer, hang, refuse, lie and come back."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from urllib.parse import parse_qsl

from tiers.simulation.loop import JumpingClock, VirtualLoop


OK = "ok"
MODES = (
    OK,
    "slow",
    "refusing",
    "failing",
    "throttling",
    "hanging",
    "resetting",
    "lossy",
)

RETRY_AFTER = 120  # seconds


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as a receiver got it, and what it was told."""

    event: str
    at: float
    wall_ms: int
    life: int
    taken: bool
    retry_after_ms: int = 0


@dataclass(slots=True)
class Receiver:
    """A customer's server. `schedule` is when it changes its ways, and to which."""

    name: str
    random: Random
    schedule: list[tuple[float, str]]
    arrivals: list[Arrival] = field(default_factory=list)
    callbacks: list[dict[str, str]] = field(default_factory=list)
    poisonous: bool = False
    connections: int = 0

    def mode(self, at: float) -> str:
        """How it is behaving."""
        current = OK
        for since, mode in self.schedule:
            if since > at:
                break
            current = mode
        return current


class SimulatedNetwork:
    """Connections to receivers, by port. A connection belongs to one life of the server."""

    def __init__(self, loop: VirtualLoop, clock: JumpingClock, random: Random) -> None:
        self.loop = loop
        self.clock = clock
        self.random = random
        self.life = 0
        self.receivers: dict[int, Receiver] = {}
        self.requests = 0

    async def connect(self, where: tuple[str, int]) -> None:
        receiver = self.receivers[where[1]]
        await asyncio.sleep(self.random.uniform(0.0001, 0.02))
        if receiver.mode(self.loop.time()) == "refusing":
            raise ConnectionRefusedError(111, "Connection refused")

    def open(
        self, protocol: asyncio.Protocol, where: tuple[str, int]
    ) -> asyncio.Transport:
        return _Connection(self, protocol, self.receivers[where[1]])

    def answer(self, receiver: Receiver, path: str, body: bytes) -> tuple[float, bytes]:
        """Take a request; return how long the answer takes, and the answer.

        An empty answer is a reset.
        """
        self.requests += 1
        now, random = self.loop.time(), receiver.random
        mode = receiver.mode(now)
        if mode == "lossy":
            mode = random.choice((OK, OK, "resetting", "taken and reset", "failing"))
        quick = random.uniform(0.0005, 0.05)
        answers = {
            OK: (quick, _head(204)),
            "slow": (random.uniform(0.5, 4.5), _head(204)),
            "failing": (quick, _head(random.choice((500, 502, 503)))),
            "throttling": (quick, _head(429, f"Retry-After: {RETRY_AFTER}\r\n")),
            "hanging": (3600.0, b""),
            "resetting": (quick, b""),
            "refusing": (quick, b""),
            "taken and reset": (quick, b""),
        }
        wait, answer = answers[mode]
        is_callback = path.startswith("/callback")
        taken = mode in {OK, "slow", "taken and reset"}
        if is_callback:
            if taken:
                receiver.callbacks.append(
                    dict(parse_qsl(body.decode()))
                    | {"at": str(now), "life": str(self.life)}
                )
            return wait, answer
        events = [event["id"] for event in json.loads(body)]
        if taken and receiver.poisonous and events[0].endswith("7"):
            taken, answer = False, _head(404)
        retry_ms = RETRY_AFTER * 1000 if mode == "throttling" else 0
        wall_ms = self.clock.now_ms()
        receiver.arrivals += [
            Arrival(event, now, wall_ms, self.life, taken, retry_ms) for event in events
        ]
        return wait, answer


def _head(status: int, fields: str = "") -> bytes:
    length = "" if status == 204 else "Content-Length: 0\r\n"
    return f"HTTP/1.1 {status} So\r\n{fields}{length}\r\n".encode()


class _Connection(asyncio.Transport):
    """Our end of a connection; the other end is played here too."""

    def __init__(
        self, network: SimulatedNetwork, protocol: asyncio.Protocol, receiver: Receiver
    ) -> None:
        super().__init__()
        self._network = network
        self._protocol = protocol
        self._receiver = receiver
        self._life = network.life
        self._received = bytearray()
        self._closing = False
        receiver.connections += 1

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._received += data
        self._after(self._network.random.uniform(0.0001, 0.01), self._look)

    def close(self) -> None:
        self._end(None)

    def abort(self) -> None:
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            self._receiver.connections -= 1
            self._network.loop.call_soon(self._protocol.connection_lost, error)

    def _after(self, wait: float, work: Callable[[], None]) -> None:
        def still() -> None:
            if not self._closing and self._life == self._network.life:
                work()

        self._network.loop.call_later(wait, still)

    def _look(self) -> None:
        head, found, rest = bytes(self._received).partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
        length = int(fields.get("content-length", 0))
        if len(rest) < length:
            return
        self._received = bytearray(rest[length:])
        path = first.split(" ")[1]
        wait, answer = self._network.answer(self._receiver, path, rest[:length])

        def send() -> None:
            if answer:
                self._protocol.data_received(answer)
            else:
                self._end(ConnectionResetError(104, "Connection reset by peer"))

        self._after(wait, send)
