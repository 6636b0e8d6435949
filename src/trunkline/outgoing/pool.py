"""Connections at rest, by what they can be used for again."""

from trunkline.outgoing.connection import Connection
from trunkline.outgoing.urls import Origin


#: What two requests must share to share a connection: the origin, and SNI or not.
Key = tuple[Origin, bool]


class Pool:
    """Keeps connections that wait for their next request, up to `limit`.

    The one used last is given out first, so that those not needed any more grow old
    and end. `idle_time` is in seconds.
    """

    def __init__(self, *, limit: int, idle_time: float) -> None:
        self._limit = limit
        self._idle_time = idle_time
        self._keys: dict[Connection, Key] = {}  # the one at rest longest comes first
        self._by_key: dict[Key, list[Connection]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def take(self, key: Key) -> Connection | None:
        """Return a connection for one more request, if there is any."""
        while stack := self._by_key.get(key):
            connection = stack[-1]
            self.drop(connection)
            if not connection.closing:
                return connection
        return None

    def put(self, key: Key, connection: Connection) -> None:
        """Keep a connection whose request is over; it is closed if it cannot be."""
        if self._limit <= 0 or not connection.rest(self._idle_time):
            connection.close()
            return
        if len(self._keys) >= self._limit:
            self.close_oldest()
        self._keys[connection] = key
        self._by_key.setdefault(key, []).append(connection)

    def drop(self, connection: Connection) -> None:
        """Forget a connection, if it is here."""
        key = self._keys.pop(connection, None)
        if key is None:
            return
        stack = self._by_key[key]
        if stack[-1] is connection:
            stack.pop()
        else:
            stack.remove(connection)
        if not stack:
            del self._by_key[key]

    def close_oldest(self) -> None:
        """Close the connection that has been at rest longest."""
        if oldest := next(iter(self._keys), None):
            self.drop(oldest)
            oldest.close()
