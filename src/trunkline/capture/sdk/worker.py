"""`GET /voice-sdk/sw.js`: the service worker for pages (spec voice-sdk 11.1)."""

import json
from importlib import resources
from urllib.parse import parse_qs

from trunkline.capture.sdk.http import HeaderList
from trunkline.errors import Refused


PATH = "/voice-sdk/sw.js"
HEADERS: HeaderList = [
    (b"content-type", b"text/javascript"),
    (b"cache-control", b"no-cache"),
    (b"service-worker-allowed", b"/"),
    (b"x-content-type-options", b"nosniff"),
]

_MODES = frozenset({"tee", "reroute"})
_SCRIPT = resources.files("trunkline.capture.sdk").joinpath("sw.js").read_text("utf-8")


def script(public_url: str | None, query: bytes) -> bytes:
    """Return the worker that posts to `public_url`, in the mode that the query asks for.

    Raises Refused 404 where no public URL is set, and 400 for a mode there is none of.
    """
    if public_url is None:
        raise Refused(
            20404, 404, "Not Found: the server's setting public_url is not set"
        )
    mode = parse_qs(query.decode("latin-1")).get("mode", ["tee"])[0]
    if mode not in _MODES:
        raise Refused(70001, 400, "mode must be tee or reroute")
    # Quoted as JSON, so that no address can end the text that it stands in.
    base = json.dumps(public_url).replace("<", "\\u003c")[1:-1]
    return _SCRIPT.replace("$BASE", base).replace("$MODE", mode).encode("utf-8")
