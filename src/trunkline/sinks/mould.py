"""A sink's POST, composed once and filled for each attempt. Pure.

Of one sink's requests only the body differs, and what follows from it: its length, its
hash in the URL, the signature. The rest is composed, and checked, with the first.
"""

import hashlib
from collections.abc import Sequence

from trunkline.outgoing.messages import Request, compose
from trunkline.signing import UrlSigner


class Mould:
    """Made from any request of a sink, whose URL ends with the hash of its body.

    `signed` is what is signed up to that hash. `request` stands for the others: where
    they go (`origin`), and their limits. Raises SendFailed where nothing can be sent.
    """

    def __init__(self, request: Request, signed: str, auth_token: str) -> None:
        self.request = request
        self.origin, wire = compose(request)
        self._signer = UrlSigner(signed, auth_token)
        # Neither a target nor a header can hold the line ends that are looked for.
        length = b"\r\nContent-Length: %d\r\n" % len(request.body)
        hashed = b"%b HTTP/1.1\r\n" % request.url[-64:].encode("ascii")
        signature = b"\r\nX-Twilio-Signature: %b\r\n" % _signature(request)
        head = wire.removesuffix(request.body)
        self._target, found, rest = head.partition(hashed)
        to_length, found_too, rest = rest.partition(length)
        to_signature, found_last, rest = rest.partition(signature)
        assert all((found, found_too, found_last)), "composed otherwise"
        self._to_length = b" HTTP/1.1\r\n%b\r\nContent-Length: " % to_length
        self._to_signature = b"\r\n%b\r\nX-Twilio-Signature: " % to_signature
        self._to_body = b"\r\n" + rest

    def fill(self, events: Sequence[bytes]) -> bytes:
        """Return the request that carries events, as it goes on the wire."""
        body = b"".join((b"[", b",".join(events), b"]"))
        hashed = hashlib.sha256(body).hexdigest().encode()
        return b"".join(
            (
                self._target,
                hashed,
                self._to_length,
                str(len(body)).encode(),
                self._to_signature,
                self._signer.sign(hashed),
                self._to_body,
                body,
            )
        )


def _signature(request: Request) -> bytes:
    return dict(request.headers)["X-Twilio-Signature"].encode()
