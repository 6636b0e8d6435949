"""Events API v1: its 22 operations (spec event-streams 2.2)."""

from starlette.routing import BaseRoute

from trunkline.api.events_v1 import (
    schemas,
    sinks,
    subscribed_events,
    subscriptions,
    types,
)
from trunkline.api.events_v1.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """Return all routes of the API."""
    return [
        *types.routes(services),
        *schemas.routes(services),
        *sinks.routes(services),
        *subscriptions.routes(services),
        *subscribed_events.routes(services),
    ]
