"""Trunkline's errors, sorted by what the caller can do about them.

TrunklineError
|- Refused             bad input or a blocked request: mend the request; goes to the
|                      client as code, status and message
|- InvalidSetting      an option or environment variable is wrong: mend it, start again
|- DataFolderUnusable  the data folder cannot be used: mend it, start again
|  `- DataFolderInUse  another process holds it: stop that one, or talk to it
|- AddressUnusable     the address cannot be listened on: choose another, start again
`- StorageFailed       the disk did not keep a write: nothing was accepted, try again
"""


class TrunklineError(Exception):
    """Whatever Trunkline raises on purpose. The docstring is the default message."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class Refused(TrunklineError):
    """A request that is answered with an error of Twilio's shape.

    `code` is Twilio's error code, `status` the HTTP status, the message says which
    parameter is wrong (spec event-streams 3, call-progress 2, voice-sdk 2.4).
    """

    def __init__(self, code: int, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message


class InvalidSetting(TrunklineError):
    """A setting has a value that cannot be used."""


class DataFolderUnusable(TrunklineError):
    """The data folder cannot be used."""


class DataFolderInUse(DataFolderUnusable):
    """Another process uses the data folder."""


class AddressUnusable(TrunklineError):
    """The server cannot listen on its address."""


class StorageFailed(TrunklineError):
    """The disk did not keep a write."""
