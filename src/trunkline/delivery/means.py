"""What all lanes share."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from trunkline.clock import Clock
from trunkline.delivery.ports import Log, Observer
from trunkline.events.ids import Ids
from trunkline.streams.routing import Routes


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The log, the routes, time, chance, and who hears of deliveries.

    `queue_limit` is how many events may wait for one sink, 0 for no limit.
    """

    log: Log
    routes: Routes
    clock: Clock
    ids: Ids
    random: Random
    tasks: asyncio.TaskGroup
    schema_host: str
    observers: Sequence[Observer] = ()
    queue_limit: int = 0
