"""What came of fuzzing a target."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self


@dataclass(slots=True)
class Outcome:
    """How many inputs each part has tried; those that broke the parser, with how.

    `coverage` is how many branches and comparisons were reached, where that is counted.
    """

    tried: Counter[str] = field(default_factory=Counter)
    bugs: list[tuple[bytes, str]] = field(default_factory=list)
    coverage: int = 0

    def add(self, other: Self) -> None:
        """Count in what else came."""
        self.tried += other.tried
        self.bugs += other.bugs
        self.coverage += other.coverage

    def __str__(self) -> str:
        parts = [f"{count:,} {part}" for part, count in self.tried.items()]
        if self.coverage:
            parts.append(f"coverage {self.coverage:,}")
        bugs = "1 bug" if len(self.bugs) == 1 else f"{len(self.bugs)} bugs"
        return f"{self.tried.total():,} inputs ({', '.join(parts)}), {bugs}"
