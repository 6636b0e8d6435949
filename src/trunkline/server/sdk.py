"""The room of the Voice SDK, put together: tokens, gateway, joiner, places."""

import os
from collections.abc import Coroutine
from typing import Any

import structlog
from starlette.routing import BaseRoute

from trunkline.accounts import Accounts
from trunkline.api import call_timeline
from trunkline.capture.sdk.failures import TokenFailures
from trunkline.capture.sdk.gateway import Gateway
from trunkline.capture.sdk.geo import GeoFile
from trunkline.capture.sdk.joiner import Joiner
from trunkline.capture.sdk.mapping import NOWHERE
from trunkline.capture.sdk.metrics import Metrics
from trunkline.capture.sdk.privacy import Privacy
from trunkline.capture.sdk.token import Tokens
from trunkline.clock import Clock
from trunkline.database.file import Database
from trunkline.events.ids import Ids
from trunkline.intake import Intake
from trunkline.settings import Settings
from trunkline.storage.posts import PostStore
from trunkline.storage.timeline import TimelineStore


_logger = structlog.get_logger("server")


class Sdk:
    """Lives as long as the server. `open` comes first, then what `work` returns."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        accounts: Accounts,
        intake: Intake,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._clock = clock
        self.posts = PostStore(database)
        self._timelines = TimelineStore(database)
        self._token_failures = TokenFailures(accounts)
        self.joiner = Joiner(
            intake=intake,
            store=self.posts,
            clock=clock,
            ids=ids,
            hold_seconds=settings.sdk_hold_seconds,
            min_level=settings.sdk_min_level,
            keep_raw=settings.sdk_keep_raw,
            retention_days=settings.sdk_retention_days,
        )
        self._geo: GeoFile | None = None
        if settings.sdk_geo_mmdb is not None and settings.sdk_geo:
            self._geo = GeoFile(settings.sdk_geo_mmdb)

    async def open(self) -> Gateway:
        """Take up what was held when the server stopped; return the gateway."""
        await self.joiner.open()
        settings = self._settings
        return Gateway(
            tokens=self._tokens(),
            failures=self._token_failures,
            joiner=self.joiner,
            metrics=Metrics(self.posts),
            privacy=Privacy(
                salt=await self.posts.salt("sdk", os.urandom(32)),
                ip_privacy=settings.sdk_ip_privacy,
                hash_device_ids=settings.sdk_hash_device_ids,
                client_name=settings.sdk_client_name,
            ),
            settings=settings,
            clock=self._clock,
            place_of=self._geo.place if self._geo else lambda _address: NOWHERE,
        )

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs for as long as the server does."""
        work = [self.joiner.run()]
        if self._geo is not None:
            work.append(self._geo.run(self._clock))
        return work

    def routes(self) -> list[BaseRoute]:
        """Return the routes of a call's timeline and quality."""
        return call_timeline.routes(
            accounts=self._accounts,
            timelines=self._timelines,
            ids_of_call=self.posts.ids_of_call,
            token_failures=self._token_failures.of,
            public_url=self._settings.public_url,
        )

    def _tokens(self) -> Tokens:
        verify = self._settings.sdk_token_check == "verify"  # noqa: S105 (a mode)
        if not verify:
            _logger.warning(
                "sdk_tokens_not_verified",
                why="sdk_token_check is claims: anyone may post as anyone; for tests only",
            )
        tokens = Tokens(
            self._accounts,
            check_signature=verify,
            grace_s=self._settings.sdk_expired_token_grace,
        )
        self._accounts.on_change(tokens.forget)
        if self._geo is not None:
            # Where a client is was looked up with its token.
            self._geo.on_change(tokens.forget)
        return tokens
