"""One exchange with a call's server: attempts, redirects, handshake, retries.

An attempt is a chain of requests (redirects, the answer to a 401); after one that
failed in a way that the URL's fragment names, another may follow. All of it ends
within the total time (spec call-progress 5.3, 6.2).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from trunkline.capture.calls import answers
from trunkline.capture.calls import callback as callbacks
from trunkline.capture.calls.answers import Answer, Attempt, Judgement, Outcome
from trunkline.capture.calls.callback import CallRequest, Hop
from trunkline.capture.calls.cookies import Cookies, Jars
from trunkline.capture.calls.overrides import DOCUMENTED, Overrides, overrides_of
from trunkline.clock import Clock
from trunkline.outgoing.messages import Reason, Request, Response, SendFailed
from trunkline.outgoing.urls import InvalidUrl


MAX_REDIRECTS = 10

# Of an answer's body, this much is recorded (spec call-progress 7).
BODY_LIMIT = 65_536

# Seconds before retry 1 to 5.
WAITS = (0.0, 0.5, 1.0, 2.0, 4.0)

_log = structlog.get_logger("callbacks")


class Http(Protocol):
    """What sends a request."""

    async def send(self, request: Request) -> Response:
        """Return the answer. Raises SendFailed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every exchange needs. `region` is what `X-Home-Region` says.

    `auth_token` gives the token of an account, which signs its requests.
    """

    http: Http
    clock: Clock
    auth_token: Callable[[str], str | None]
    defaults: Overrides = DOCUMENTED
    region: str = "us1"
    jars: Jars = field(default_factory=Jars)


async def exchange(
    request: CallRequest,
    means: Means,
    judge: Callable[[int], Judgement] = answers.of_status,
) -> Outcome:
    """Make a request, with all its attempts; `judge` says what a final status means."""
    overrides, bad_keys = overrides_of(request.url, means.defaults)
    clock = means.clock
    deadline_ms = clock.now_ms() + overrides.total
    cookies = means.jars.of(request.call_sid)
    chain = _Chain(
        request=request,
        means=means,
        judge=judge,
        overrides=overrides,
        deadline_ms=deadline_ms,
        cookies=cookies,
    )
    attempts: list[Attempt] = []
    while True:
        started_ms = clock.now_ms()
        response, (problem, retry) = await chain.attempt()
        ended_ms = clock.now_ms()
        attempt = Attempt(
            started_ms=started_ms,
            duration_ms=ended_ms - started_ms,
            status=response.status if response else None,
            code=problem.code if problem else None,
        )
        attempts.append(attempt)
        if retry not in overrides.retry_on or len(attempts) > overrides.retries:
            break
        wait = WAITS[len(attempts) - 1]
        if ended_ms + wait * 1000 >= deadline_ms:
            break
        await clock.sleep(wait)
    if problem is None and bad_keys:
        problem = answers.bad_overrides(bad_keys)
    answer = _answer(response, attempt.duration_ms, ended_ms) if response else None
    means.jars.keep(request.call_sid, cookies)
    return Outcome(
        attempts=tuple(attempts), answer=answer, problem=problem, url=chain.url
    )


class _Chain:
    """What the requests of one exchange have in common."""

    def __init__(
        self,
        *,
        request: CallRequest,
        means: Means,
        judge: Callable[[int], Judgement],
        overrides: Overrides,
        deadline_ms: int,
        cookies: Cookies,
    ) -> None:
        self._request = request
        self._means = means
        self._judge = judge
        self._overrides = overrides
        self._deadline_ms = deadline_ms
        # An account that is gone has no token; whoever gets this cannot verify it.
        self._auth_token = means.auth_token(request.account_sid) or ""
        self._cookies = cookies
        self.url = ""

    async def attempt(self) -> tuple[Response | None, Judgement]:
        """Follow one attempt to its last answer."""
        response: Response | None = None
        redirects = 0
        try:
            hop: Hop | None = callbacks.first_hop(self._request)
            while hop is not None:
                response = None
                response = await self._send(hop)
                following = callbacks.next_hop(hop, response, self._request.token)
                redirects += following is not None and response.status != 401  # noqa: PLR2004
                if redirects > MAX_REDIRECTS:
                    return response, Judgement(answers.TOO_MANY_REDIRECTS, None)
                self.url = hop.target.url if redirects else ""
                hop = following
        except InvalidUrl:
            return response, Judgement(answers.BROKEN_REDIRECT, None)
        except SendFailed as failure:
            return failure.response, answers.of_failure(failure)
        assert response is not None
        return response, self._judge(response.status)

    async def _send(self, hop: Hop) -> Response:
        left = (self._deadline_ms - self._means.clock.now_ms()) / 1000
        if left <= 0:
            raise SendFailed(Reason.TOTAL_TIMEOUT, "")
        url = hop.url
        _log.debug("callback_signed", call_sid=self._request.call_sid, url=url)
        headers = callbacks.headers(
            hop,
            self._request.token,
            auth_token=self._auth_token,
            region=self._means.region,
            cookies=self._cookies.header(hop.target.origin),
        )
        request = Request(
            method=hop.method,
            url=url,
            headers=headers,
            body=hop.body,
            connect_timeout=min(self._overrides.connect / 1000, left),
            read_timeout=self._overrides.read / 1000,
            total_timeout=left,
            body_limit=BODY_LIMIT,
            send_sni=self._overrides.send_sni,
        )
        response = await self._means.http.send(request)
        self._cookies.keep(hop.target.origin, response)
        return response


def _answer(response: Response, duration_ms: int, completed_ms: int) -> Answer:
    return Answer(
        status=response.status,
        duration_ms=duration_ms,
        content_type=response.header("content-type") or "",
        body=response.body,
        completed_ms=completed_ms,
    )
