"""Where a leg's progress goes. Pure."""

import msgspec

from trunkline.capture.calls.progress import Progress


class CallbackConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The callback of a leg. `url` keeps its fragment, user and password."""

    url: str
    method: str = "POST"
    events: tuple[Progress, ...] = (Progress.COMPLETED,)
