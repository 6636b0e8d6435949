"""When a failed delivery is tried again (spec event-streams 7). Pure."""

FIRST_CEILING_MS = 1_000
CEILING_MS = 300_000

# Attempts after which doubling would pass the ceiling; keeps the power small.
_DOUBLINGS = (CEILING_MS // FIRST_CEILING_MS).bit_length()


def wait_ms(attempt: int, spread: float, retry_after_ms: int | None = None) -> int:
    """Return how long to wait after the `attempt`-th failed attempt.

    Exponential backoff with full jitter: `spread`, from 0 up to 1, picks a place below
    a ceiling that doubles. The sink's own wish, if any, is the least.
    """
    doublings = min(attempt - 1, _DOUBLINGS)
    ceiling = min(CEILING_MS, FIRST_CEILING_MS * 2**doublings)
    return max(int(spread * ceiling), retry_after_ms or 0)
