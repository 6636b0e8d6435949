"""Settings, from variables and options."""

import ipaddress
from pathlib import Path

import pytest

from trunkline.errors import InvalidSetting
from trunkline.settings import Settings, option, read, variable


SID = "AC" + "0123456789abcdef" * 2
KEY_SID = "SK" + "0123456789abcdef" * 2


def test_without_any_setting_the_defaults_hold() -> None:
    settings = read({})

    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 4010)
    assert settings.account_sid is None
    assert settings.simulator_pace == 50
    assert settings.calls_per_second == 0


def test_a_variable_sets_a_setting() -> None:
    settings = read(
        {
            "TRUNKLINE_PORT": "8080",
            "TRUNKLINE_DATA_DIR": "/var/lib/trunkline",
            "TRUNKLINE_SDK_ALLOWED_ORIGINS": "https://a.example, https://b.example,",
        }
    )

    assert settings.port == 8080
    assert settings.data_dir == Path("/var/lib/trunkline")
    assert settings.sdk_allowed_origins == ("https://a.example", "https://b.example")


def test_an_option_overrules_its_variable() -> None:
    environment = {"TRUNKLINE_PORT": "8080", "TRUNKLINE_HOST": "0.0.0.0"}
    settings = read(environment, {"port": 9090, "host": None})

    assert settings.port == 9090
    assert settings.host == "0.0.0.0"


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert read({"TRUNKLINE_PORT": "", "TRUNKLINE_PUBLIC_URL": ""}) == Settings()


def test_other_variables_are_left_alone() -> None:
    assert (
        read({"PATH": "/bin", "PORT": "1", "TRUNKLINE_UNHEARD_OF": "1"}) == Settings()
    )


def test_a_url_loses_its_last_slash() -> None:
    settings = read({"TRUNKLINE_PUBLIC_URL": "https://events.example.org/"})

    assert settings.public_url == "https://events.example.org"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUNKLINE_PORT", "65536"),
        ("TRUNKLINE_PORT", "-1"),
        ("TRUNKLINE_PORT", "http"),
        ("TRUNKLINE_PORT", "401\N{FULLWIDTH DIGIT ZERO}"),
        ("TRUNKLINE_LOG_LEVEL", "loud"),
        ("TRUNKLINE_ACCOUNT_SID", "AC123"),
        ("TRUNKLINE_ACCOUNT_SID", KEY_SID),
        ("TRUNKLINE_PUBLIC_URL", "events.example.org"),
        ("TRUNKLINE_PUBLIC_URL", "ftp://events.example.org"),
        ("TRUNKLINE_PUBLIC_URL", "http://[::1"),
        ("TRUNKLINE_ALLOWED_NETWORKS", "10.0.0.0/33"),
        ("TRUNKLINE_ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("TRUNKLINE_ALLOWED_NETWORKS", "localhost"),
        ("TRUNKLINE_SIMULATOR_PACE", "1.5"),
        ("TRUNKLINE_SIMULATOR_PACE", "600001"),
        ("TRUNKLINE_SDK_MAX_EVENT_BYTES", "1023"),
    ],
)
def test_a_bad_value_is_an_error_that_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^{name}: "):
        read({name: value})


def test_a_bad_option_is_an_error_that_names_the_option() -> None:
    with pytest.raises(InvalidSetting, match=r"^--port: must be a port"):
        read({}, {"port": "none"})


@pytest.mark.parametrize("secret", ["x" * 257, "with\nnewline"])
def test_a_bad_secret_is_not_repeated_in_the_error(secret: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        read({"TRUNKLINE_ACCOUNT_SID": SID, "TRUNKLINE_AUTH_TOKEN": secret})

    assert str(caught.value).startswith("TRUNKLINE_AUTH_TOKEN: ")
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "environment",
    [
        {"TRUNKLINE_ACCOUNT_SID": SID},
        {"TRUNKLINE_AUTH_TOKEN": "0123456789abcdef"},
    ],
)
def test_an_account_sid_and_its_token_come_together(
    environment: dict[str, str],
) -> None:
    message = "TRUNKLINE_ACCOUNT_SID and TRUNKLINE_AUTH_TOKEN"
    with pytest.raises(InvalidSetting, match=message):
        read(environment)


@pytest.mark.parametrize(
    "environment",
    [
        {"TRUNKLINE_API_KEY_SID": KEY_SID},
        {"TRUNKLINE_API_KEY_SECRET": "0123456789abcdef"},
    ],
)
def test_a_key_sid_and_its_secret_come_together(environment: dict[str, str]) -> None:
    message = "TRUNKLINE_API_KEY_SID and TRUNKLINE_API_KEY_SECRET"
    with pytest.raises(InvalidSetting, match=message):
        read(environment)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_a_server_on_loopback_may_reach_private_networks(host: str) -> None:
    networks = read({"TRUNKLINE_HOST": host}).networks

    assert ipaddress.ip_network("127.0.0.0/8") in networks
    assert ipaddress.ip_network("192.168.0.0/16") in networks
    assert ipaddress.ip_network("::1/128") in networks


def test_no_default_network_is_link_local() -> None:
    metadata_service = ipaddress.ip_address("169.254.169.254")

    assert not any(metadata_service in network for network in read({}).networks)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "events.example.org"])
def test_a_server_beyond_loopback_may_reach_public_addresses_only(host: str) -> None:
    assert read({"TRUNKLINE_HOST": host}).networks == ()


def test_allowed_networks_that_are_set_but_empty_are_none_at_all() -> None:
    assert read({"TRUNKLINE_ALLOWED_NETWORKS": ""}).networks == ()


def test_allowed_networks_replace_the_default() -> None:
    settings = read({"TRUNKLINE_ALLOWED_NETWORKS": "10.1.0.0/16, fd00::/8"})

    assert settings.networks == (
        ipaddress.ip_network("10.1.0.0/16"),
        ipaddress.ip_network("fd00::/8"),
    )


def test_a_setting_has_a_variable_and_an_option_of_its_name() -> None:
    assert variable("data_dir") == "TRUNKLINE_DATA_DIR"
    assert option("data_dir") == "--data-dir"


def test_the_asterisk_engine_needs_to_know_its_asterisk() -> None:
    given = {
        "TRUNKLINE_ENGINE": "asterisk",
        "TRUNKLINE_ASTERISK_URL": "http://127.0.0.1:8088",
        "TRUNKLINE_ASTERISK_USER": "trunkline",
        "TRUNKLINE_ASTERISK_PASSWORD": "the-ari-password",
    }

    assert read(given).engine == "asterisk"
    assert "the-ari-password" not in repr(read(given))
    for name in list(given)[1:]:
        with pytest.raises(InvalidSetting, match=f"{name} must be set"):
            read({k: v for k, v in given.items() if k != name})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("TRUNKLINE_ENGINE", "freeswitch"),
        ("TRUNKLINE_ASTERISK_URL", "http://user:password@127.0.0.1:8088"),
        ("TRUNKLINE_ASTERISK_APP", "one,two"),
        ("TRUNKLINE_ASTERISK_ENDPOINT", "PJSIP/trunk"),
    ],
)
def test_a_wrong_setting_of_the_asterisk_engine_is_named(name: str, wrong: str) -> None:
    with pytest.raises(InvalidSetting, match=name):
        read({name: wrong})


def test_settings_show_no_secret() -> None:
    settings = read(
        {
            "TRUNKLINE_ACCOUNT_SID": "AC" + "0" * 32,
            "TRUNKLINE_AUTH_TOKEN": "the-auth-token",
            "TRUNKLINE_API_KEY_SID": "SK" + "0" * 32,
            "TRUNKLINE_API_KEY_SECRET": "the-key-secret",
        }
    )

    assert "the-auth-token" not in repr(settings)
    assert "the-key-secret" not in repr(settings)


@pytest.mark.parametrize(
    "variable_name",
    [
        "TRUNKLINE_KINESIS_ENDPOINT_URL",
        "TRUNKLINE_STS_ENDPOINT_URL",
        "TRUNKLINE_SEGMENT_ENDPOINT_URL",
    ],
)
def test_an_endpoint_is_an_address_to_which_a_path_can_be_added(
    variable_name: str,
) -> None:
    settings = read({variable_name: "http://127.0.0.1:4567/base/"})

    name = variable_name.removeprefix("TRUNKLINE_").lower()
    assert getattr(settings, name) == "http://127.0.0.1:4567/base"
    for wrong in ("127.0.0.1:4567", "http://u:p@x", "http://x/?a=1", "http://x/#a"):
        with pytest.raises(InvalidSetting, match=variable_name):
            read({variable_name: wrong})
