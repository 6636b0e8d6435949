"""Keeps quality samples and their roll-ups for a call's timeline (spec voice-sdk 9)."""

from collections import defaultdict

from trunkline.capture.sdk.ports import Delivery, Store
from trunkline.capture.sdk.post import MetricsPost
from trunkline.capture.sdk.samples import roll_ups, samples_of


class Metrics:
    """Takes metrics posts; they make no events. Lives as long as the server.

    `counts` are metrics (posts), samples, samples_dropped, samples_unattached.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.counts: dict[str, int] = defaultdict(int)

    async def take(
        self,
        post: MetricsPost,
        account_sid: str,
        now_ms: int,
        delivery: Delivery | None = None,
    ) -> None:
        """Keep a post's samples; return once they are on disk.

        Raises StorageFailed where they are not, Repeated for a delivery that has come.
        """
        samples = samples_of(post, now_ms)
        store = self._store
        await store.write(
            None if delivery is None else store.once(delivery),
            store.keep_samples(account_sid, now_ms, samples),
            *(
                store.keep_roll_up(account_sid, call_id, now_ms, roll_up)
                for call_id, roll_up in roll_ups(samples).items()
            ),
        )
        self.counts["metrics"] += 1
        self.counts["samples"] += len(samples)
        self.counts["samples_dropped"] += post.dropped
        self.counts["samples_unattached"] += sum(not s.call_id for s in samples)
