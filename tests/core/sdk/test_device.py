"""User agents of real browsers, row by row of the specification's tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from trunkline.capture.sdk.device import Agent, Hints, agent
from trunkline.events.call_event import Browser, Device, Engine, OperatingSystem


WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
LINUX = "Mozilla/5.0 (X11; Linux x86_64) "
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) "
IPAD = "Mozilla/5.0 (iPad; CPU OS 16_3_1 like Mac OS X) "
ANDROID = "Mozilla/5.0 (Linux; Android 10; K) "
KIT = "AppleWebKit/537.36 (KHTML, like Gecko) "
APPLE_KIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) "


def known(user_agent: str, **hints: str) -> Agent:
    return agent(Hints(user_agent=user_agent, **hints))


@pytest.mark.parametrize(
    ("user_agent", "browser", "engine"),
    [
        (
            f"{WINDOWS}{KIT}Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91",
            "Edge 120.0.2210.91",
            "Blink 120.0.0.0",
        ),
        (
            f"{ANDROID}{KIT}Chrome/122.0.0.0 Mobile Safari/537.36 EdgA/122.0.0.0",
            "Edge 122.0.0.0",
            "Blink 122.0.0.0",
        ),
        (
            f"{IPHONE}{APPLE_KIT}EdgiOS/122.0.2365.92 Version/17.0 Mobile/15E148 Safari/604.1",
            "Edge 122.0.2365.92",
            "WebKit 605.1.15",
        ),
        (
            f"{WINDOWS}{KIT}Chrome/122.0.0.0 Safari/537.36 OPR/108.0.0.0",
            "Opera 108.0.0.0",
            "Blink 122.0.0.0",
        ),
        (
            f"{ANDROID}{KIT}SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36",
            "Samsung Internet 23.0",
            "Blink 115.0.0.0",
        ),
        (
            f"{MAC}{KIT}MyApp/1.0.0 Chrome/120.0.6099.291 Electron/28.2.0 Safari/537.36",
            "Electron 28.2.0",
            "Blink 120.0.6099.291",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
            "Firefox 115.0",
            "Gecko 109.0",
        ),
        (
            "Mozilla/5.0 (Android 13; Mobile; rv:122.0) Gecko/122.0 Firefox/122.0",
            "Firefox 122.0",
            "Gecko 122.0",
        ),
        (
            f"{IPHONE}{APPLE_KIT}FxiOS/122.0 Mobile/15E148 Safari/605.1.15",
            "Firefox 122.0",
            "WebKit 605.1.15",
        ),
        (
            f"{IPHONE}{APPLE_KIT}CriOS/122.0.6261.89 Mobile/15E148 Safari/604.1",
            "Chrome 122.0.6261.89",
            "WebKit 605.1.15",
        ),
        (
            f"{LINUX}{KIT}HeadlessChrome/156.0.0.0 Safari/537.36",
            "Chrome Headless 156.0.0.0",
            "Blink 156.0.0.0",
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-S908B Build/TP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/122.0.6261.64 Mobile Safari/537.36",
            "Chrome WebView 122.0.6261.64",
            "Blink 122.0.6261.64",
        ),
        (
            f"{LINUX}{KIT}Chrome/156.0.0.0 Safari/537.36",
            "Chrome 156.0.0.0",
            "Blink 156.0.0.0",
        ),
        (
            f"{ANDROID}{KIT}Chrome/122.0.0.0 Mobile Safari/537.36",
            "Chrome 122.0.0.0",
            "Blink 122.0.0.0",
        ),
        (
            f"{MAC}{APPLE_KIT}Version/17.4 Safari/605.1.15",
            "Safari 17.4",
            "WebKit 605.1.15",
        ),
        (
            f"{IPAD}{APPLE_KIT}Version/16.3 Mobile/15E148 Safari/604.1",
            "Safari 16.3",
            "WebKit 605.1.15",
        ),
    ],
)
def test_browsers_and_engines(user_agent: str, browser: str, engine: str) -> None:
    found = known(user_agent)
    name, _, version = browser.rpartition(" ")
    assert found.browser == Browser(
        name=name, major=version.split(".")[0], version=version
    )
    engine_name, engine_version = engine.split()
    assert found.engine == Engine(name=engine_name, version=engine_version)


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        ('"Chromium";v="122", "Not(A:Brand";v="24", "Brave";v="122"', "Brave"),
        ('"Opera";v="108", "Chromium";v="122"', "Opera"),
        ('"Microsoft Edge";v="122", "Chromium";v="122"', "Edge"),
        ('"Google Chrome";v="122", "Chromium";v="122"', "Chrome"),
    ],
)
def test_a_brand_tells_browsers_that_pose_as_chrome(brands: str, name: str) -> None:
    found = known(f"{LINUX}{KIT}Chrome/122.0.0.0 Safari/537.36", brands=brands)
    assert found.browser == Browser(name=name, major="122", version="122.0.0.0")


@pytest.mark.parametrize(
    ("user_agent", "name", "version"),
    [
        (WINDOWS, "Windows", "10"),
        ("Mozilla/5.0 (Windows NT 6.1; WOW64; rv:115.0)", "Windows", "6.1"),
        (MAC, "macOS", "10.15.7"),
        (IPHONE, "iOS", "17.4"),
        (IPAD, "iOS", "16.3.1"),
        (ANDROID, "Android", "10"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)", "Chrome OS", "14541.0.0"),
        (LINUX, "Linux", ""),
        ("Mozilla/5.0 (X11; Ubuntu; Linux aarch64; rv:109.0)", "Linux", ""),
    ],
)
def test_systems(user_agent: str, name: str, version: str) -> None:
    assert known(user_agent).os == OperatingSystem(name=name, version=version)


def test_a_hint_tells_the_system_where_the_user_agent_does_not() -> None:
    assert known("x", platform='"Windows"').os == OperatingSystem(
        name="Windows", version=""
    )


@pytest.mark.parametrize(
    ("user_agent", "model", "kind", "vendor", "arch"),
    [
        (IPHONE, "iPhone", "mobile", "Apple", ""),
        (IPAD, "iPad", "tablet", "Apple", ""),
        (MAC, "Macintosh", "desktop", "Apple", ""),
        (WINDOWS, "", "desktop", "", "amd64"),
        ("Mozilla/5.0 (Windows NT 6.1; WOW64; rv:115.0)", "", "desktop", "", "ia32"),
        ("Mozilla/5.0 (X11; Linux i686)", "", "desktop", "", "ia32"),
        ("Mozilla/5.0 (X11; Linux aarch64)", "", "desktop", "", "arm64"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)", "", "desktop", "", "amd64"),
        (f"{ANDROID}{KIT}Chrome/122.0.0.0 Mobile Safari/537.36", "", "mobile", "", ""),
        (f"{ANDROID}{KIT}Chrome/122.0.0.0 Safari/537.36", "", "tablet", "", ""),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-S908B Build/TP1A; wv) Chrome/122.0 Mobile",
            "SM-S908B",
            "mobile",
            "",
            "",
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; Pixel 7) Chrome/122.0 Mobile",
            "Pixel 7",
            "mobile",
            "",
            "",
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; Pixel 7; wv) Chrome/122.0 Mobile",
            "Pixel 7",
            "mobile",
            "",
            "",
        ),
        (
            "Mozilla/5.0 (Android 13; Mobile; rv:122.0) Gecko/122.0 Firefox/122.0",
            "",
            "mobile",
            "",
            "",
        ),
    ],
)
def test_devices(
    user_agent: str, model: str, kind: str, vendor: str, arch: str
) -> None:
    assert known(user_agent).device == Device(
        model=model, type=kind, vendor=vendor, arch=arch
    )


def test_nothing_is_known_of_a_client_that_tells_nothing() -> None:
    assert known("") == Agent(UNSET, UNSET, UNSET, UNSET)


@given(st.text(max_size=2000), st.text(max_size=300), st.text(max_size=50))
def test_any_text_is_put_up_with(user_agent: str, brands: str, platform: str) -> None:
    known(user_agent, brands=brands, platform=platform)
