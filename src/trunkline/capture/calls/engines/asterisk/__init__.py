"""The Asterisk engine: calls through Asterisk's REST interface, ARI (spec 12.4).

`events`      what ARI says, decoded, and the table of what it means. Pure.
`legs`        which channels are followed, and what is reported of them. Pure.
`dialplan`    dial strings out of numbers, calls out of dialplan arguments. Pure.
`client`      ARI's REST and websocket, thin.
`dialler`     dials and hangs up; what must wait for Asterisk, waits.
`follower`    works off what Asterisk says, in its order.
`engine`      stays connected, looks what is there, and puts the parts together.
"""

from trunkline.capture.calls.engines.asterisk.client import Ari
from trunkline.capture.calls.engines.asterisk.engine import AsteriskEngine
from trunkline.capture.calls.engines.asterisk.means import Plan


__all__ = ["Ari", "AsteriskEngine", "Plan"]
