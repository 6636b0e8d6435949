"""What ends the demo early."""

from trunkline.errors import TrunklineError


class DemoFailed(TrunklineError):
    """The demo cannot go on; the message says at which step and why."""
