"""Sinks behind a network that fails: the others go on, and in the end all is there."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.app.sinks.segment_receiver import SegmentReceiver
from tests.system.receiver import Receiver
from tests.system.server import AUTH_TOKEN, Server
from tiers.sinks.posting import client_of, new_sink, post_events, subscribe, validate
from tiers.sinks.tcp_faults import Fault, FaultProxy

from trunkline.events.catalogue import PROGRESS, progress_type


EVENTS = 300
FAULTS = [fault for fault in Fault if fault is not Fault.NONE]


class Behind:
    """A webhook receiver behind a faulty network."""

    def __init__(self, stack: ExitStack, fault: Fault) -> None:
        self.receiver = stack.enter_context(Receiver(AUTH_TOKEN))
        port = int(self.receiver.url.rpartition(":")[2])
        self.proxy = stack.enter_context(FaultProxy(port, fault))
        # Signatures are of the address that the sink has.
        self.receiver.url = self.proxy.url

    def names(self) -> set[str]:
        return {event["data"]["name"] for event in self.receiver.events}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.timeout(120)
def test_no_fault_loses_an_event_or_holds_up_another_sink(
    stack: ExitStack, tmp_path: Path
) -> None:
    healthy = Behind(stack, Fault.NONE)
    faulty: dict[Fault, Behind] = {fault: Behind(stack, fault) for fault in FAULTS}
    server = stack.enter_context(Server(tmp_path))
    for behind in [healthy, *faulty.values()]:
        sink_sid = new_sink(
            server,
            "webhook",
            {"destination": f"{behind.proxy.url}/events", "batch_events": True},
        )
        subscribe(server, sink_sid)

    accepted = post_events(server, range(EVENTS))

    assert len(accepted) == EVENTS
    healthy.receiver.wait_for(lambda: accepted <= healthy.names())
    slow = faulty[Fault.DELAY]
    slow.receiver.wait_for(lambda: accepted <= slow.names())
    for fault in (Fault.RESET, Fault.BLACKHOLE, Fault.REFUSE):
        assert faulty[fault].names() == set()
    for behind in faulty.values():
        assert behind.proxy.struck.wait(20)
    for fault in (Fault.BLACKHOLE, Fault.DRIP):
        assert faulty[fault].proxy.given_up.wait(20)

    for behind in faulty.values():
        behind.proxy.mend()
    for behind in faulty.values():
        behind.receiver.wait_for(lambda it=behind: accepted <= it.names(), 60)
        assert behind.receiver.forged == 0
    assert server.stop() == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", [Fault.RESET, Fault.DRIP, Fault.REFUSE])
def test_segment_gets_everything_once_the_network_is_back(
    stack: ExitStack, tmp_path: Path, fault: Fault
) -> None:
    segment = stack.enter_context(SegmentReceiver())
    proxy = stack.enter_context(FaultProxy(int(segment.url.rpartition(":")[2])))
    callbacks = stack.enter_context(Receiver(AUTH_TOKEN))
    server = stack.enter_context(
        Server(
            tmp_path,
            TRUNKLINE_SEGMENT_ENDPOINT_URL=proxy.url,
            TRUNKLINE_SIMULATOR_PACE="0",
        )
    )
    client = client_of(server)
    sink_sid = new_sink(server, "segment", {"write_key": "the-write-key"})
    client.events.v1.sinks(sink_sid).sink_test.create()
    segment.wait_for(1)
    validate(server, sink_sid, segment.messages[0]["messageId"])
    subscribe(server, sink_sid, map(progress_type, PROGRESS))
    proxy.fault = fault

    for _ in range(20):
        client.calls.create(
            to="+14155550100",
            from_="+14155550199",
            twiml="<Response/>",
            status_callback=f"{callbacks.url}/callback",
            status_callback_event=list(PROGRESS),
        )
    callbacks.wait_for(lambda: len(callbacks.callbacks) == 80)
    assert proxy.struck.wait(20)
    proxy.mend()

    segment.wait_for(1 + 80, 60)
    assert server.stop() == 0
