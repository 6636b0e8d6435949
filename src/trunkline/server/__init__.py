"""The composition root: picks every implementation, starts and stops them in order.

No other room does. `running` is the whole program without its listener; `run` puts it
behind one, until a signal says stop.
"""

from trunkline.server.listener import run
from trunkline.server.program import running


__all__ = ["run", "running"]
