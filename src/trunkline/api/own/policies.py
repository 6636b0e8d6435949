"""How a sink is delivered to, where its owner wants it otherwise than Twilio does it."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.operations import Parameter, Resource, json_answer, operation
from trunkline.api.own.fields import read_fields
from trunkline.api.own.services import PREFIX, OwnServices
from trunkline.streams import policy
from trunkline.streams.sinks import Sink


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A sink's delivery policy. `rate_limit` is in attempts per second, 0 for none."""

    sink_sid: str
    retry_window: int
    concurrency: int
    rate_limit: int
    retry_4xx: bool
    ordered: bool
    url: str


FORM = (
    Parameter(
        name="RetryWindow",
        about="Seconds for which an event is tried, up to those the log is kept for.",
        type=int,
    ),
    Parameter(name="Concurrency", about="Attempts under way at a time.", type=int),
    Parameter(
        name="RateLimit", about="Attempts begun per second; 0: no limit.", type=int
    ),
    Parameter(
        name="Retry4xx", about="Try again after a 4xx other than 429.", type=bool
    ),
    Parameter(
        name="Ordered",
        about="Events of one call go one at a time, in order.",
        type=bool,
    ),
)


def routes(services: OwnServices) -> list[BaseRoute]:
    """Return the route of a sink's policy."""

    def find(request: Request) -> Sink:
        account = services.account(request)
        return services.directory.sink(account.sid, request.path_params["sid"])

    def shown(request: Request, sink: Sink) -> Response:
        chosen = sink.policy
        return json_answer(
            Policy(
                sink_sid=sink.sid,
                retry_window=chosen.retry_window_s,
                concurrency=chosen.concurrency,
                rate_limit=chosen.per_second,
                retry_4xx=chosen.retry_4xx,
                ordered=chosen.ordered,
                url=services.url(request, f"Sinks/{sink.sid}/Policy"),
            )
        )

    @operation(
        "Fetch how a sink is delivered to", answers={200: Policy}, errors=(400, 404)
    )
    async def fetch(request: Request) -> Response:
        return shown(request, find(request))

    @operation(
        "Change how a sink is delivered to; what is left out stays",
        form=FORM,
        answers={200: Policy},
        errors=(400, 404),
    )
    async def update(request: Request) -> Response:
        sink = find(request)
        form = await read_fields(request)
        given = {row.name: form.one(row.name) for row in FORM}
        changed = policy.change(
            sink.policy,
            {name: value for name, value in given.items() if value is not None},
            longest_window_s=services.kept_seconds,
        )
        sink = await services.registry.set_policy(sink.account_sid, sink.sid, changed)
        return shown(request, sink)

    return [
        Resource(f"{PREFIX}/Sinks/{{sid}}/Policy", {"GET": fetch, "POST": update}),
    ]
