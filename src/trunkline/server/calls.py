"""The room of calls, put together: switchboard, engine, instructions, callbacks."""

from collections.abc import Coroutine
from typing import Any, Protocol

from starlette.routing import BaseRoute

from trunkline.accounts import Accounts
from trunkline.api import call_reports, calls_2010
from trunkline.capture.calls import exchange, overrides, switchboard
from trunkline.capture.calls.attendant import Attendant
from trunkline.capture.calls.progress import State
from trunkline.capture.calls.sender import Sender
from trunkline.capture.calls.simulator import Simulator
from trunkline.capture.calls.switchboard import Switchboard
from trunkline.capture.calls.turns import Turns
from trunkline.clock import Clock
from trunkline.database.file import Database
from trunkline.errors import InvalidSetting
from trunkline.events.ids import Ids
from trunkline.intake import Intake
from trunkline.outgoing.client import Client
from trunkline.settings import Settings, variable
from trunkline.storage.calls import CallStore


class Engine(switchboard.Engine, Protocol):
    """An engine that must be run."""

    async def run(self) -> None:
        """Make calls, until cancelled."""
        ...


class Calls:
    """Lives as long as the server. `open` comes first, then what `work` returns."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        accounts: Accounts,
        first_account_sid: str,
        intake: Intake,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._first_account_sid = first_account_sid
        self._clock = clock
        self._ids = ids
        self._store = CallStore(database)
        # Not the sinks' client: those that hang must not use up its connections.
        self._client = Client(
            settings.networks,
            settings.ca_bundle,
            # For callbacks, and as many documents.
            max_connections=2 * settings.callback_concurrency,
            proxy_url=settings.proxy_url,
        )
        means = exchange.Means(
            http=self._client,
            clock=clock,
            auth_token=self._auth_token,
            defaults=_callback_defaults(settings.callback_defaults),
            region=settings.home_region,
        )
        self.callbacks = Sender(
            queue=self._store,
            intake=intake,
            means=means,
            concurrency=settings.callback_concurrency,
            concurrency_per_host=settings.callback_concurrency_per_host,
        )
        self._board = Switchboard(
            calls=self._store,
            enqueue=self.callbacks.enqueue,
            clock=clock,
            ids=ids,
            policy=switchboard.Policy(
                networks=settings.networks,
                calls_per_second=settings.calls_per_second,
                disputed={
                    480: State(settings.sip_480),
                    487: State(settings.sip_487),
                    603: State(settings.sip_603),
                },
                extra_parameters=settings.extra_parameters,
            ),
        )
        self._engine = self._make_engine()
        self._attendant = Attendant(
            board=self._board,
            calls=self._store,
            means=means,
            ids=ids,
            networks=settings.networks,
            # Telephones take their own time.
            pace_ms=settings.simulator_pace if settings.engine == "simulator" else 0,
            turns=Turns(
                settings.callback_concurrency, settings.callback_concurrency_per_host
            ),
        )
        self._board.connect(self._engine, self._attendant)

    async def open(self) -> None:
        """Take up the callbacks and calls that a stop interrupted."""
        await self.callbacks.load()
        await self._board.resume()

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs for as long as the server does, callbacks left out."""
        return [self._board.run(), self._engine.run(), self._attendant.run()]

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the Calls API, and of reports from elsewhere."""
        return [
            *calls_2010.routes(
                accounts=self._accounts,
                switchboard=self._board,
                calls=self._store,
                clock=self._clock,
                public_url=self._settings.public_url,
            ),
            *call_reports.routes(
                accounts=self._accounts,
                board=self._board,
                calls=self._store,
                clock=self._clock,
                ids=self._ids,
                networks=self._settings.networks,
                public_url=self._settings.public_url,
            ),
        ]

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    def _make_engine(self) -> Engine:
        settings = self._settings
        if settings.engine == "simulator":
            return Simulator(
                report=self._board.report,
                clock=self._clock,
                pace_ms=settings.simulator_pace,
                seed=settings.simulator_seed,
            )
        # Here, not above: aiohttp costs a start that most do without.
        from trunkline.capture.calls.engines import asterisk  # noqa: PLC0415

        assert settings.asterisk_url is not None
        assert settings.asterisk_user is not None
        assert settings.asterisk_password is not None
        return asterisk.AsteriskEngine(
            ari=asterisk.Ari(
                url=settings.asterisk_url,
                user=settings.asterisk_user,
                password=settings.asterisk_password,
                app=settings.asterisk_app,
            ),
            report=self._board.report,
            adopt=self._store.adopt,
            clock=self._clock,
            plan=asterisk.Plan(
                endpoint=settings.asterisk_endpoint,
                account_sid=self._first_account_sid,
                networks=settings.networks,
            ),
        )

    def _auth_token(self, account_sid: str) -> str | None:
        account = self._accounts.account(account_sid)
        return account.auth_token if account else None


def _callback_defaults(text: str) -> overrides.Overrides:
    defaults, bad_keys = overrides.overrides_of(f"#{text}")
    if bad_keys:
        keys = ", ".join(bad_keys)
        raise InvalidSetting(f"{variable('callback_defaults')}: bad value of {keys}")
    return defaults
