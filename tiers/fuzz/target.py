"""What both fuzzers work on."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A parser. Anything that it raises but `refusals` is a bug."""

    name: str
    parse: Callable[[bytes], object]
    corpus: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...]

    @property
    def folder(self) -> str:
        """Return the name of the folder for its failing inputs."""
        return self.name.lower().replace(" ", "-")
