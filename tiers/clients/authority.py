"""A throw-away certificate authority, made by openssl for one run."""

import subprocess
from pathlib import Path


_DAYS = "2"
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Authority:
    """A root, and one certificate signed by it; the files live as long as the folder."""

    def __init__(self, folder: Path, *names: str) -> None:
        """Make a certificate for these host names; `*.example.org` is one."""
        self.root = folder / "root.pem"
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"
        root_key, request, extensions = (
            folder / name for name in ("root.key", "server.csr", "server.ext")
        )
        _openssl(
            ["req", "-x509", *_KEY, "-days", _DAYS, "-subj", "/CN=Trunkline tests"],
            {"-keyout": root_key, "-out": self.root},
        )
        _openssl(
            ["req", *_KEY, "-subj", "/CN=Trunkline tests server"],
            {"-keyout": self.key, "-out": request},
        )
        alternatives = ",".join(f"DNS:{name}" for name in names)
        extensions.write_text(f"subjectAltName={alternatives}\n")
        _openssl(
            ["x509", "-req", "-days", _DAYS, "-CAcreateserial"],
            {
                "-in": request,
                "-CA": self.root,
                "-CAkey": root_key,
                "-extfile": extensions,
                "-out": self.certificate,
            },
        )


def _openssl(arguments: list[str], files: dict[str, Path]) -> None:
    named = [text for name, path in files.items() for text in (name, str(path))]
    subprocess.run(
        ["openssl", *arguments, *named], check=True, capture_output=True, timeout=60
    )
