"""npm `twilio`, told where the server is and nothing else."""

import json
import subprocess

from tests.system.receiver import Receiver
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, Server
from tiers.clients.conftest import HERE, bare_environment


INITIATED = "com.twilio.voice.status-callback.call.initiated"
RINGING = "com.twilio.voice.status-callback.call.ringing"


def test_the_contract_sequence(server: Server, receiver: Receiver) -> None:
    ended = subprocess.run(
        ["node", "sequence.js", server.url, ACCOUNT_SID, AUTH_TOKEN, receiver.url],
        cwd=HERE,
        env=bare_environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout)

    assert len(seen["types"]) == 9
    assert seen["versions"] == [1, 2]
    assert (seen["status"], seen["test"]) == ("active", "submitted")
    assert seen["subscribed"] == [[INITIATED, 2], [RINGING, 2]]
    assert (seen["paged"], seen["used"], seen["left"]) == (5, [True], 0)
    assert seen["refusal"] == [409, 91007, "https://www.twilio.com/docs/errors/91007"]
    assert seen["missing"][:2] == [404, 20404]
    assert "was not found" in seen["missing"][2]
    receiver.wait_for(lambda: len(receiver.events) == 1)
    assert receiver.events[0]["type"] == "com.twilio.eventstreams.test-event"
    assert receiver.forged == 0
