"""Certificates are verified, always; here is with what, and what it means if they fail."""

import ssl
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from trunkline.errors import InvalidSetting
from trunkline.outgoing.messages import Reason


# OpenSSL's verification results (x509_vfy.h), by what the operator would mend.
_HOST = frozenset({62, 64})  # host name, IP address
_EXPIRED = frozenset({9, 10})  # not yet valid, no longer valid


class Trust:
    """The roots we trust: the system's, and those of an extra bundle (PEM)."""

    def __init__(self, ca_bundle: Path | None) -> None:
        self._ca_bundle = ca_bundle
        self.context = self._load()

    @cached_property
    def context_without_names(self) -> ssl.SSLContext:
        """The same trust for connections without SNI: `covers` has to check the name.

        OpenSSL checks the name that it has sent, and none if it sent none.
        """
        context = self._load()
        context.check_hostname = False
        return context

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        if self._ca_bundle:
            try:
                context.load_verify_locations(self._ca_bundle)
            except (OSError, ssl.SSLError) as error:
                raise InvalidSetting(
                    f"TRUNKLINE_CA_BUNDLE: {self._ca_bundle} cannot be used: {error}"
                ) from None
        return context


def covers(certificate: dict[str, Any], host: str) -> bool:
    """Tell whether a verified certificate (`getpeercert()`) is for a host (RFC 6125)."""
    for kind, name in certificate.get("subjectAltName", ()):
        if kind == "IP Address" and _same_address(name, host):
            return True
        if kind == "DNS" and _same_name(name.lower(), host.lower()):
            return True
    return False


def _same_address(one: str, other: str) -> bool:
    try:
        return ip_address(one.strip()) == ip_address(other)
    except ValueError:
        return False


def _same_name(pattern: str, host: str) -> bool:
    if pattern == host:
        return True
    # A star stands for the whole of the first label only.
    label, _, rest = host.partition(".")
    return bool(label) and "." in rest and pattern == f"*.{rest}"


def reason_of(error: ssl.SSLError) -> Reason:
    """Return what a failed handshake means."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return Reason.TLS_FAILED
    if error.verify_code in _HOST:
        return Reason.CERTIFICATE_HOST
    if error.verify_code in _EXPIRED:
        return Reason.CERTIFICATE_EXPIRED
    return Reason.CERTIFICATE_UNTRUSTED


def detail_of(error: ssl.SSLError) -> str:
    """Return what went wrong with a handshake, in OpenSSL's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    return f"TLS handshake failed: {error.reason or 'connection closed'}"
