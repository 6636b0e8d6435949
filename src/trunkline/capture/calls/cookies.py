"""Cookies of one call: sent back to the server that set them. Pure."""

from collections import OrderedDict

from trunkline.outgoing.messages import Response
from trunkline.outgoing.urls import Origin


# What a server may leave with us, per call.
MAX_COOKIES = 20
MAX_COOKIE_LENGTH = 4096

# Calls whose cookies are remembered.
MAX_JARS = 10_000


class Cookies:
    """The cookies that servers have set during one call."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[Origin, str], str] = {}

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._cookies)

    def keep(self, origin: Origin, response: Response) -> None:
        """Remember what an answer sets, and forget what it takes back."""
        for name, value in response.headers:
            if name.lower() == "set-cookie":
                self._keep_one(origin, value)

    def header(self, origin: Origin) -> str:
        """Return the `Cookie` header for a server, empty if it has set none."""
        return "; ".join(
            f"{name}={value}"
            for (setter, name), value in self._cookies.items()
            if setter == origin
        )

    def _keep_one(self, origin: Origin, line: str) -> None:
        pair, _, attributes = line.partition(";")
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not name or not equals or len(pair) > MAX_COOKIE_LENGTH:
            return
        self._cookies.pop((origin, name), None)
        words = attributes.lower().replace(" ", "").split(";")
        if "max-age=0" not in words and len(self._cookies) < MAX_COOKIES:
            self._cookies[origin, name] = value


class Jars:
    """The cookies of each call that has some.

    They are not stored: after a restart, or above the limit, servers set them anew.
    """

    def __init__(self) -> None:
        self._jars: OrderedDict[str, Cookies] = OrderedDict()

    def of(self, call_sid: str) -> Cookies:
        """Return the cookies of a call."""
        return self._jars.get(call_sid) or Cookies()

    def keep(self, call_sid: str, cookies: Cookies) -> None:
        """Remember the cookies of a call, if there are any."""
        if cookies:
            self._jars[call_sid] = cookies
            self._jars.move_to_end(call_sid)
            if len(self._jars) > MAX_JARS:
                self._jars.popitem(last=False)
