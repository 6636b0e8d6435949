"""Browser, engine, system and device of a user agent (spec voice-sdk 8.1).

The library tells which product it is; names, and versions with all their parts, are
then those that ua-parser-js would give, since the schema has its shape.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import ua_parser
from msgspec import UNSET, UnsetType

from trunkline.events.call_event import Browser, Device, Engine, OperatingSystem


# Longer ones are made up; the time to match grows with the length.
MAX_CHARACTERS = 512


class Hints(NamedTuple):
    """Headers that tell what a client is; `""` where one is missing.

    `brands` is `Sec-CH-UA`, `mobile` and `platform` are the headers of that ending.
    """

    user_agent: str = ""
    brands: str = ""
    mobile: str = ""
    platform: str = ""


class Agent(NamedTuple):
    """What is known of a client; an object without data is left out."""

    browser: Browser | UnsetType = UNSET
    os: OperatingSystem | UnsetType = UNSET
    device: Device | UnsetType = UNSET
    engine: Engine | UnsetType = UNSET


# The library's families: our name, and the tokens that carry the version.
_BROWSERS = {
    "Edge": ("Edge", "Edg|Edge"),
    "Edge Mobile": ("Edge", "EdgA|EdgiOS"),
    "Opera": ("Opera", "OPR"),
    "Opera Mobile": ("Opera", "OPR"),
    "Samsung Internet": ("Samsung Internet", "SamsungBrowser"),
    "Electron": ("Electron", "Electron"),
    "Firefox": ("Firefox", "Firefox"),
    "Firefox Mobile": ("Firefox", "Firefox"),
    "Firefox iOS": ("Firefox", "FxiOS"),
    "Chrome Mobile iOS": ("Chrome", "CriOS"),
    "HeadlessChrome": ("Chrome Headless", "HeadlessChrome"),
    "Chrome Mobile WebView": ("Chrome WebView", "Chrome"),
    "Chrome": ("Chrome", "Chrome"),
    "Chrome Mobile": ("Chrome", "Chrome"),
    "Safari": ("Safari", "Version"),
    "Mobile Safari": ("Safari", "Version"),
}

# Brands that hide behind Chrome's user agent.
_BRANDS = {"Brave": "Brave", "Opera": "Opera", "Microsoft Edge": "Edge"}

_ENGINES = (
    ("Gecko", re.compile(r"rv:([\w.]+)\) Gecko/")),
    ("Blink", re.compile(r"Chrome/([\w.]+)")),
    ("WebKit", re.compile(r"AppleWebKit/([\w.]+)")),
)

_DESKTOPS = frozenset({"Windows", "macOS", "Linux", "Chrome OS"})

_ARCHITECTURES = (
    ("amd64", re.compile(r"x86_64|x64")),
    ("ia32", re.compile(r"i686|WOW64")),
    ("arm64", re.compile(r"aarch64|arm64")),
)

_WINDOWS = re.compile(r"Windows NT ([\d.]+)")
_ANDROID_MODEL = re.compile(r"Android [\w.]+; ([^;)]*?)(?: Build|[;)])")
_NO_MODEL = frozenset({"K", "Mobile", "Tablet"})


@lru_cache(maxsize=2048)
def agent(hints: Hints) -> Agent:
    """Return what the headers of a request tell about its client."""
    user_agent = hints.user_agent[:MAX_CHARACTERS]
    known = ua_parser.parse(user_agent)
    os = _system(user_agent, known.os, hints.platform)
    browser = _browser(user_agent, known.user_agent, hints.brands)
    device = _device(user_agent, os.name, hints.mobile)
    engine = _engine(user_agent)
    return Agent(
        browser=browser if browser.name else UNSET,
        os=os if os.name else UNSET,
        device=device if any((device.model, device.type, device.arch)) else UNSET,
        engine=engine if engine.name else UNSET,
    )


def load() -> None:
    """Build the library's matchers: too long a time for the first post to wait."""
    ua_parser.parse("")


def _browser(
    user_agent: str, known: ua_parser.UserAgent | None, brands: str
) -> Browser:
    if known is None:
        return Browser(name="", major="", version="")
    name, tokens = _BROWSERS.get(known.family, (known.family, ""))
    version = _version_of(tokens, user_agent) if tokens else ""
    if not version:
        version = _joined(known.major, known.minor, known.patch, known.patch_minor)
    if name == "Chrome":
        hidden = (own for brand, own in _BRANDS.items() if f'"{brand}"' in brands)
        name = next(hidden, name)
    return Browser(name=name, major=version.partition(".")[0], version=version)


def _engine(user_agent: str) -> Engine:
    for name, pattern in _ENGINES:
        if (match := pattern.search(user_agent)) is not None:
            return Engine(name=name, version=match[1])
    return Engine(name="", version="")


def _system(
    user_agent: str, known: ua_parser.OS | None, platform: str
) -> OperatingSystem:
    family = "" if known is None else known.family
    version = (
        ""
        if known is None
        else _joined(known.major, known.minor, known.patch, known.patch_minor)
    )
    if family == "Windows":
        match = _WINDOWS.search(user_agent)
        # Windows 11 says 10.0 as well.
        version = match[1] if match else version
        return OperatingSystem(
            name=family, version="10" if version == "10.0" else version
        )
    if family == "Mac OS X":
        return OperatingSystem(name="macOS", version=version)
    if family in {"iOS", "Android", "Chrome OS"}:
        return OperatingSystem(name=family, version=version)
    if "Linux" in user_agent:
        return OperatingSystem(name="Linux", version="")  # whatever the distribution
    if family:
        return OperatingSystem(name=family, version=version)
    return OperatingSystem(name=platform.strip('"')[:64], version="")


def _device(user_agent: str, system: str, mobile: str) -> Device:
    arch = next((a for a, p in _ARCHITECTURES if p.search(user_agent)), "")
    for model, kind in (("iPhone", "mobile"), ("iPad", "tablet")):
        if model in user_agent:
            return Device(model=model, type=kind, vendor="Apple", arch=arch)
    if system == "macOS":
        # Apple silicon says Intel too, so nothing is known of the processor.
        return Device(model="Macintosh", type="desktop", vendor="Apple", arch="")
    if system == "Android":
        is_phone = "Mobile" in user_agent or mobile == "?1"
        return Device(
            model=_android_model(user_agent),
            type="mobile" if is_phone else "tablet",
            vendor="",
            arch=arch,
        )
    kind = "desktop" if system in _DESKTOPS else ""
    return Device(model="", type=kind, vendor="", arch=arch)


def _android_model(user_agent: str) -> str:
    match = _ANDROID_MODEL.search(user_agent)
    return "" if match is None or match[1] in _NO_MODEL else match[1]


def _version_of(tokens: str, user_agent: str) -> str:
    match = re.search(rf"\b(?:{tokens})/([\w.]+)", user_agent)
    return "" if match is None else match[1]


def _joined(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)
