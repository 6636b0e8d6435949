"""TLS on the listener, with the certificate that `trunkline dev-cert` makes."""

import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from tests.system.server import Server, environment

from trunkline.cli import main


def dev_cert(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["dev-cert", "--dir", str(folder), *more])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates") / "new"
    result = dev_cert(folder)
    assert result.exit_code == 0, result.output
    return folder


def variables(cert: Path, key: Path) -> dict[str, str]:
    return {"TRUNKLINE_TLS_CERT": str(cert), "TRUNKLINE_TLS_KEY": str(key)}


def shake_hands(url: str, authority: Path, name: str) -> str | None:
    """Connect as a careful client would; return the TLS version."""
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    parts = urlsplit(url)
    with (
        socket.create_connection((parts.hostname or "", parts.port or 0), 10) as raw,
        context.wrap_socket(raw, server_hostname=name) as connection,
    ):
        connection.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        return connection.version()


def test_whoever_trusts_the_authority_is_served_over_tls(
    made: Path, tmp_path: Path
) -> None:
    tls = variables(made / "cert.pem", made / "key.pem")
    with Server(tmp_path, **tls) as server:
        assert server.url.startswith("https://127.0.0.1:")
        for name in ("127.0.0.1", "localhost"):
            version = shake_hands(server.url, made / "ca.pem", name)
            assert version in {"TLSv1.2", "TLSv1.3"}
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(server.url, made / "ca.pem", "example.org")
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(
                server.url, Path(__file__).parents[1] / "data/tls/root.pem", "localhost"
            )
        assert server.stop() == 0


def test_a_key_that_does_not_fit_ends_the_start_with_a_message(
    made: Path, tmp_path: Path
) -> None:
    dev_cert(tmp_path / "other")
    plain = serialization.load_pem_private_key((made / "key.pem").read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    for key in (tmp_path / "other/key.pem", locked, tmp_path / "none", made / "ca.pem"):
        command = [sys.executable, "-m", "trunkline", "serve", "--port", "0"]
        ended = subprocess.run(
            [*command, "--data-dir", str(tmp_path / "data")],
            env=environment(**variables(made / "cert.pem", key)),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=20,
            check=False,
        )
        assert ended.returncode == 1
        assert "TRUNKLINE_TLS_CERT" in ended.stderr
        assert "Traceback" not in ended.stderr
    assert not (tmp_path / "data").exists()


def test_the_authority_signs_nothing_else_and_the_key_is_its_owners(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == [
        "ca.pem",
        "cert.pem",
        "key.pem",
    ]
    assert stat.S_IMODE((made / "key.pem").stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate((made / "cert.pem").read_bytes())
    authority = x509.load_pem_x509_certificate((made / "ca.pem").read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    addresses = names.value.get_values_for_type(x509.IPAddress)
    assert [str(address) for address in addresses] == ["127.0.0.1", "::1"]
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime.days == 90


def test_files_are_replaced_only_when_told_so(tmp_path: Path) -> None:
    assert dev_cert(tmp_path, "--host", "a.example").exit_code == 0
    before = (tmp_path / "cert.pem").read_bytes()
    again = dev_cert(tmp_path)
    assert again.exit_code == 1
    assert "--force" in again.output
    assert (tmp_path / "cert.pem").read_bytes() == before
    assert dev_cert(tmp_path, "--force").exit_code == 0
    assert (tmp_path / "cert.pem").read_bytes() != before


@pytest.mark.parametrize("host", ["a..b", "x" * 300, ""])
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, host: str) -> None:
    result = dev_cert(tmp_path / "new", "--host", host)
    assert result.exit_code == 1
    assert "--host" in result.output
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = dev_cert(tmp_path / "file" / "below")
    assert result.exit_code == 1
    assert "Error: " in result.output


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "trunkline.cli.certificates", raising=False)
    monkeypatch.delattr("trunkline.cli.certificates", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    result = dev_cert(tmp_path)
    assert result.exit_code == 1
    assert "pip install 'trunkline[dev-cert]'" in result.output
