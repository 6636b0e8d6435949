"""Trunkline's own paths: `/healthz`, and our own API below `/trunkline/v1`."""

from starlette.routing import BaseRoute

from trunkline.api.own import dead_letters, events, notices, policies, replays, tail
from trunkline.api.own.health import routes
from trunkline.api.own.services import OwnServices
from trunkline.clock import Clock


__all__ = ["OwnServices", "own_routes", "routes"]


def own_routes(services: OwnServices, clock: Clock) -> list[BaseRoute]:
    """Return the routes of our own API."""
    return [
        *events.routes(services),
        *dead_letters.routes(services),
        *replays.routes(services),
        *notices.routes(services),
        *policies.routes(services),
        *tail.routes(services, clock),
    ]
