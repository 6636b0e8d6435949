"""Loads named SQL from the `.sql` files beside the adapters."""

import re
from importlib.resources import files


_NAME = re.compile(r"^-- (\w+): .*$", re.MULTILINE)


def load(package: str, name: str) -> dict[str, str]:
    """Return the queries of `package`'s file `name`, by name.

    A query starts at a line `-- its_name: what it is for.` and ends at the next.
    """
    text = (files(package) / name).read_text("utf-8")
    parts = _NAME.split(text)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
