"""Every setting: read once, checked whole, frozen.

A setting `name` is the option `--name` of `trunkline serve` (where `option` is set)
and the variable `TRUNKLINE_NAME`. docs/reference/settings.md is checked against this.
Longer than other modules because it is one table: a reader finds all of them here.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from trunkline.errors import InvalidSetting
from trunkline.events.ids import is_sid


Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PRIVATE_NETWORKS = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
)


_LAST_PORT = 65_535
_LONGEST_SECRET = 256
_APP = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _text(value: str) -> str:
    return value


def _port(value: str) -> int:
    if not value.isascii() or not value.isdecimal() or int(value) > _LAST_PORT:
        raise ValueError("must be a port number from 0 to 65535")
    return int(value)


def _number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isascii() or not value.isdecimal():
            raise ValueError("must be a whole number")
        if not lowest <= int(value) <= highest:
            raise ValueError(f"must be from {lowest} to {highest}")
        return int(value)

    return parse


def _switch(value: str) -> bool:
    word = value.lower()
    if word not in {"true", "false", "on", "off"}:
        raise ValueError("must be true or false, or on or off")
    return word in {"true", "on"}


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return parse


def _sid(prefix: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not is_sid(value, prefix):
            raise ValueError(f"must be {prefix} and 32 hex digits")
        return value

    return parse


def _secret(value: str) -> str:
    if not 1 <= len(value) <= _LONGEST_SECRET or not value.isprintable():
        raise ValueError("must be 1 to 256 printable characters")
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an absolute http or https URL")
    return value.rstrip("/")


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError("must have no user info, query or fragment")
    return _url(value)


def _app(value: str) -> str:
    # A comma ends a name in the dialplan as it does in a query.
    if not _APP.fullmatch(value):
        raise ValueError("must be letters, digits, - and _")
    return value


def _dial_string(value: str) -> str:
    if "{number}" not in value or "/" not in value or not value.isprintable():
        raise ValueError("must be technology/resource, with {number} in it")
    return value


def _region(value: str) -> str:
    if not value.isascii() or not value.replace("-", "").isalnum():
        raise ValueError("must be letters, digits and hyphens")
    return value


def _proxy(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError("must be http://[user:password@]host[:port]")
    return value


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _networks(value: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part) for part in _list(value))


def _setting(
    parse: Callable[[str], Any],
    default: Any,
    doc: str,
    *,
    option: bool = False,
    secret: bool = False,
) -> Any:
    metadata = {"parse": parse, "doc": doc, "option": option, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, with their defaults."""

    host: str = _setting(
        _text, "127.0.0.1", "Address on which the server listens.", option=True
    )
    port: int = _setting(
        _port, 4010, "Port on which it listens; 0 takes a free one.", option=True
    )
    data_dir: Path = _setting(
        Path,
        Path(platformdirs.user_data_dir("trunkline")),
        "Folder of the database; one server at a time uses it.",
        option=True,
    )
    log_level: str = _setting(
        _one_of("debug", "info", "warning", "error"),
        "info",
        "Lowest level of log lines that are written.",
        option=True,
    )
    log_format: str = _setting(
        _one_of("auto", "json", "console"),
        "auto",
        "Form of log lines; auto is console on a terminal, else json.",
        option=True,
    )
    tls_cert: Path | None = _setting(
        Path,
        None,
        "File of the certificate chain (PEM): the listener then speaks TLS.",
        option=True,
    )
    tls_key: Path | None = _setting(
        Path, None, "File of that certificate's private key (PEM).", option=True
    )
    account_sid: str | None = _setting(
        _sid("AC"), None, "Account SID of the first account; made if not given."
    )
    auth_token: str | None = _setting(
        _secret, None, "Auth token of the first account.", secret=True
    )
    api_key_sid: str | None = _setting(
        _sid("SK"), None, "SID of the first account's API key; made if not given."
    )
    api_key_secret: str | None = _setting(
        _secret, None, "Secret of that API key.", secret=True
    )
    public_url: str | None = _setting(
        _url, None, "Address under which clients reach the server; else the request's."
    )
    schema_base_url: str | None = _setting(
        _url, None, "Host of schema documents in `$id`, `dataschema` and `raw`."
    )
    cors_origins: tuple[str, ...] = _setting(
        _list, (), "Origins whose pages may call the API; none named: no page may."
    )
    one_subscription_per_sink: bool = _setting(
        _switch, False, "Refuse a second subscription on a sink, as Twilio does."
    )
    allowed_networks: tuple[Network, ...] | None = _setting(
        _networks,
        None,
        "Networks, beyond public ones, that requests may go to; by default loopback "
        "and private ones while the server listens on loopback, else none.",
    )
    ca_bundle: Path | None = _setting(
        Path, None, "File of further root certificates (PEM) for outgoing requests."
    )
    queue_max_events: int = _setting(
        _number(0, 1_000_000_000),
        0,
        "Events that may wait for one sink; beyond, the oldest become dead letters. "
        "0: no limit.",
    )
    sign_with_userinfo: bool = _setting(
        _switch, False, "Sign a sink's URL with its `user:password@` left in."
    )
    proxy_url: str | None = _setting(
        _proxy,
        None,
        "HTTP proxy (`http://[user:password@]host:port`) that outgoing requests go "
        "through; it is asked for vetted addresses.",
        secret=True,
    )
    kinesis_endpoint_url: str | None = _setting(
        _endpoint, None, "Address of a Kinesis server in place of AWS's, by region."
    )
    sts_endpoint_url: str | None = _setting(
        _endpoint, None, "Address of an STS server in place of AWS's, by region."
    )
    segment_endpoint_url: str | None = _setting(
        _endpoint,
        None,
        "Address in place of Segment's public one; `/v1/batch` is appended.",
    )
    retention_days: int = _setting(
        _number(1, 3650), 7, "Days for which events and dead letters are kept."
    )
    retention_bytes: int = _setting(
        _number(0, 2**50),
        0,
        "Size of the database above which the oldest events go, and the posts in "
        "their rows; 0: no limit.",
    )
    call_retention_days: int = _setting(
        _number(1, 3650), 30, "Days for which calls are kept after their end."
    )
    metrics: bool = _setting(
        _switch, True, "Serve `/metrics`, to whoever reaches the listener."
    )
    engine: str = _setting(
        _one_of("simulator", "asterisk"), "simulator", "What makes the calls."
    )
    asterisk_url: str | None = _setting(
        _endpoint, None, "Address of Asterisk's HTTP server; `/ari` is appended."
    )
    asterisk_user: str | None = _setting(
        _secret, None, "User of its REST interface, as in `ari.conf`."
    )
    asterisk_password: str | None = _setting(
        _secret, None, "Password of that user.", secret=True
    )
    asterisk_app: str = _setting(
        _app, "trunkline", "Name of our Stasis application; one server uses it."
    )
    asterisk_endpoint: str = _setting(
        _dial_string,
        "PJSIP/{number}@trunk",
        "Dial string of API calls and `<Dial>` legs; `{number}` is who is called.",
    )
    simulator_pace: int = _setting(
        _number(0, 600_000), 50, "Milliseconds between two steps of a simulated call."
    )
    simulator_seed: int | None = _setting(
        _number(0, 2**31),
        None,
        "Makes simulated calls go ways of a mix, chosen by the number.",
    )
    calls_per_second: int = _setting(
        _number(0, 10_000), 0, "API calls dialled per second and account; 0: no limit."
    )
    sip_480: str = _setting(
        _one_of("no-answer", "busy", "failed"),
        "no-answer",
        "What a call is whose callee is not there for now (SIP 480).",
    )
    sip_487: str = _setting(
        _one_of("no-answer", "canceled", "failed"),
        "no-answer",
        "What a call is that others than Trunkline ended unanswered (SIP 487).",
    )
    sip_603: str = _setting(
        _one_of("busy", "no-answer"),
        "busy",
        "What a call is that the callee declined (SIP 603).",
    )
    callback_defaults: str = _setting(
        _text, "", "Connection overrides of URLs that have none, as in a fragment."
    )
    callback_concurrency: int = _setting(
        _number(1, 10_000), 100, "Callbacks under way at a time."
    )
    callback_concurrency_per_host: int = _setting(
        _number(1, 10_000), 20, "Of these, to one server."
    )
    extra_parameters: bool = _setting(
        _switch, False, "Tell in `completed` callbacks who hung up, and why."
    )
    home_region: str = _setting(
        _region, "us1", "What callbacks say in `X-Home-Region`."
    )
    sdk_allowed_origins: tuple[str, ...] = _setting(
        _list, (), "Origins that may post Voice SDK events; none named: any."
    )
    sdk_token_check: str = _setting(
        _one_of("verify", "claims"),
        "verify",
        "verify checks tokens whole; claims, for tests only, believes any signature.",
    )
    sdk_expired_token_grace: int = _setting(
        _number(0, 86_400),
        14_400,
        "Seconds for which an expired token still serves a call that is known.",
    )
    sdk_hold_seconds: int = _setting(
        _number(0, 3600), 60, "How long a post without a call SID waits for it."
    )
    sdk_min_level: str = _setting(
        _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        "DEBUG",
        "Lowest level of Voice SDK events that are emitted.",
    )
    sdk_max_event_bytes: int = _setting(
        _number(1024, 16_777_216), 65_536, "Largest Voice SDK event post, in bytes."
    )
    sdk_max_metrics_bytes: int = _setting(
        _number(1024, 16_777_216), 262_144, "Largest metrics post, in bytes."
    )
    sdk_trusted_proxies: tuple[Network, ...] = _setting(
        _networks, (), "Proxies that are believed about the client's address."
    )
    sdk_client_ip_header: str = _setting(
        _one_of("X-Forwarded-For", "Forwarded", "X-Real-IP"),
        "X-Forwarded-For",
        "Header in which they tell it.",
    )
    sdk_geo_mmdb: Path | None = _setting(
        Path, None, "MMDB file, of a city database, that tells places of addresses."
    )
    sdk_geo: bool = _setting(_switch, True, "Look up the places of clients.")
    sdk_ip_privacy: str = _setting(
        _one_of("full", "truncate", "drop"),
        "full",
        "What is kept of IP addresses; truncate keeps a /24 or a /48.",
    )
    sdk_hash_device_ids: bool = _setting(
        _switch, True, "Keep ids of audio devices as salted hashes only."
    )
    sdk_client_name: str = _setting(
        _one_of("plain", "hash", "drop"), "plain", "What is kept of client identities."
    )
    sdk_keep_raw: bool = _setting(
        _switch, True, "Keep Voice SDK posts, redacted, beside their events."
    )
    sdk_retention_days: int = _setting(
        _number(1, 3650), 30, "Days for which posts and quality samples are kept."
    )

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks, beyond public ones, that outgoing requests may go to."""
        if self.allowed_networks is not None:
            return self.allowed_networks
        if not _is_loopback(self.host):
            return ()
        return tuple(ipaddress.ip_network(network) for network in _PRIVATE_NETWORKS)


def read(
    environment: Mapping[str, str], options: Mapping[str, Any] | None = None
) -> Settings:
    """Return the settings of an environment, overruled by options that are not None.

    Raises InvalidSetting, naming the variable and what is wrong with it.
    """
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        given = (options or {}).get(setting.name)
        text = environment.get(variable(setting.name))
        if given is None and (
            text is None or (not text and not _may_be_empty(setting))
        ):
            continue
        try:
            values[setting.name] = setting.metadata["parse"](
                text if given is None else str(given)
            )
        except ValueError as error:
            name = variable(setting.name) if given is None else option(setting.name)
            raise InvalidSetting(f"{name}: {error}") from None
    settings = Settings(**values)
    _check_pair(settings, "tls_cert", "tls_key")
    _check_pair(settings, "account_sid", "auth_token")
    _check_pair(settings, "api_key_sid", "api_key_secret")
    if settings.engine == "asterisk":
        _check_given(settings, "asterisk_url", "asterisk_user", "asterisk_password")
    return settings


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"TRUNKLINE_{name.upper()}"


def option(name: str) -> str:
    """Return the command-line option of a setting."""
    return f"--{name.replace('_', '-')}"


def _may_be_empty(setting: Any) -> bool:
    # An empty list says something ("no network at all"); empty text says nothing.
    return setting.metadata["parse"] in {_list, _networks}


def _check_pair(settings: Settings, one: str, other: str) -> None:
    if (getattr(settings, one) is None) != (getattr(settings, other) is None):
        raise InvalidSetting(
            f"{variable(one)} and {variable(other)} are set together or not at all."
        )


def _check_given(settings: Settings, *names: str) -> None:
    for name in names:
        if getattr(settings, name) is None:
            raise InvalidSetting(
                f"{variable(name)} must be set where the engine is {settings.engine}."
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
