"""The real server behind TLS, a real browser, and the rest of the world."""

import hashlib
import os
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Playwright, sync_playwright
from tests.system.receiver import Receiver
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, KEY_SECRET, KEY_SID, Server
from tiers.browser.calls import Phones
from tiers.browser.rig import PAGE_HOST, SDK, TRUNKLINE_HOST, Rig
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.rest import Client

from trunkline.cli import main


HOSTS = (
    "127.0.0.1",
    PAGE_HOST,
    TRUNKLINE_HOST,
    "*.twilio.com",
    "voice-js.roaming.twilio.com",
    "eventgw.us1.twilio.com",
)
_SDK_EVENTS = "com.twilio.voice.insights.call-event.sdk"
_CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `trunkline dev-cert` makes: ca.pem, cert.pem and key.pem."""
    folder = tmp_path_factory.mktemp("certificates")
    names = [part for host in HOSTS for part in ("--host", host)]
    made = CliRunner().invoke(main, ["dev-cert", "--dir", str(folder), *names])
    assert made.exit_code == 0, made.output
    # Python's clients trust it as a user's would.
    os.environ["REQUESTS_CA_BUNDLE"] = str(folder / "ca.pem")
    return folder


@pytest.fixture(scope="session")
def rig(certificates: Path) -> Iterator[Rig]:
    if not SDK.exists():
        pytest.exit(f"The Voice SDK is not installed: npm ci in {SDK.parents[4]}", 2)
    files = [certificates / name for name in ("cert.pem", "key.pem", "ca.pem")]
    with Rig(*files) as rig:
        yield rig


@pytest.fixture(scope="session")
def server_variables(certificates: Path) -> dict[str, str]:
    return {
        "TRUNKLINE_TLS_CERT": str(certificates / "cert.pem"),
        "TRUNKLINE_TLS_KEY": str(certificates / "key.pem"),
        "TRUNKLINE_PUBLIC_URL": f"https://{TRUNKLINE_HOST}",
    }


@pytest.fixture(scope="session")
def server(
    rig: Rig, server_variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The server process, over TLS with the certificate of `trunkline dev-cert`."""
    with Server(tmp_path_factory.mktemp("data"), **server_variables) as server:
        rig.trunkline = server.url
        yield server
        assert server.stop() == 0


@pytest.fixture(scope="session")
def receiver(server: Server) -> Iterator[Receiver]:
    """A webhook that is subscribed to Voice SDK events, by Twilio's own client."""
    with Receiver(AUTH_TOKEN) as receiver:
        client = Client(ACCOUNT_SID, AUTH_TOKEN)
        client.events.base_url = server.url
        sink = client.events.v1.sinks.create(
            description="all",
            sink_type="webhook",
            sink_configuration={"destination": f"{receiver.url}/events"},
        )
        client.events.v1.subscriptions.create(
            description="all", sink_sid=sink.sid, types=[{"type": _SDK_EVENTS}]
        )
        client.http_client.session.close()
        yield receiver
        assert receiver.forged == 0


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if _CHROMIUM is None:
        pytest.exit("There is no chromium: apt-get install chromium", 2)
    with sync_playwright() as playwright:
        yield playwright


Launch = Callable[..., Any]


@pytest.fixture(scope="session")
def launch(
    playwright: Playwright, rig: Rig, certificates: Path, server: Server
) -> Launch:
    """Return how to start a browser for which the names of Twilio lead here."""
    key = x509.load_pem_x509_certificate((certificates / "cert.pem").read_bytes())
    spki = key.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    pin = b64encode(hashlib.sha256(spki).digest()).decode()
    trunkline = server.url.removeprefix("https://")

    @contextmanager
    def launched(
        *, microphone: bool = True, gateway: str = trunkline
    ) -> Iterator[Browser]:
        rules = [
            f"MAP eventgw.*.twilio.com {gateway}",
            f"MAP eventgw.twilio.com {gateway}",
            f"MAP *.twilio.com 127.0.0.1:{rig.port}",
            f"MAP *.local.test 127.0.0.1:{rig.port}",
            "MAP * ~NOTFOUND",
            "EXCLUDE 127.0.0.1",
        ]
        permission = (
            "--use-fake-ui-for-media-stream"
            if microphone
            else "--deny-permission-prompts"
        )
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM,
            args=[
                "--no-sandbox",
                f"--host-resolver-rules={','.join(rules)}",
                # Nothing but our own certificate is let through.
                f"--ignore-certificate-errors-spki-list={pin}",
                "--use-fake-device-for-media-stream",
                permission,
                "--autoplay-policy=no-user-gesture-required",
                "--disable-features=WebRtcHideLocalIpsWithMdns",
                "--allow-loopback-in-peer-connection",
            ],
        )
        try:
            media = browser.new_page()
            media.goto(f"https://{PAGE_HOST}/media")
            media.wait_for_function("socket.readyState === 1")
            yield browser
        finally:
            browser.close()

    return launched


@pytest.fixture(scope="session")
def phones(rig: Rig, receiver: Receiver) -> Phones:
    return Phones(rig, receiver, access_token)


def access_token(identity: str) -> str:
    """A token as an application's own server makes it, with Twilio's library."""
    token = AccessToken(ACCOUNT_SID, KEY_SID, KEY_SECRET, identity=identity, ttl=3600)
    token.add_grant(
        VoiceGrant(outgoing_application_sid="AP" + "0" * 32, incoming_allow=True)
    )
    return str(token.to_jwt())


@pytest.fixture(scope="module")
def browser(launch: Launch) -> Iterator[Browser]:
    with launch() as browser:
        yield browser
