"""The server's public address, `{base}` in the spec (event-streams 1)."""

import re

from starlette.requests import Request


_HOST = re.compile(r"[\w.-]+(:\d{1,5})?|\[[0-9a-fA-F:.]+\](:\d{1,5})?", re.ASCII)


def base_url(request: Request, public_url: str | None) -> str:
    """Return the address under which the client reaches the server.

    It has no slash at its end. `public_url` is the operator's setting; without it,
    scheme and `Host` of the request are used, which is right behind proxies that
    keep the `Host` and with hosts entries alike.
    """
    if public_url is not None:
        return public_url
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        address, port = request.scope.get("server") or ("localhost", None)
        host = f"[{address}]" if ":" in address else address
        host = host if port is None else f"{host}:{port}"
    return f"{request.url.scheme}://{host}"
