"""Wilful breaks of promises: each is a small edit, and names the suites to try on it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Break:
    """An edit of one file that must turn a suite red.

    `suites` are tried in their order until one fails.
    """

    name: str
    file: str
    old: str
    new: str
    suites: tuple[str, ...]


BREAKS = (
    Break(
        "answer before the sync",
        "database/groups.py",
        "            self._sync()\n",
        "            pass\n",
        ("simulation",),
    ),
    Break(
        "take a sync that failed for one that did not",
        "database/groups.py",
        "a new start has looked.\n            self._lost = failure\n",
        "a new start has looked.\n            failure = None\n",
        ("database", "sweep"),
    ),
    Break(
        "take a sync that failed in the kernel for one that did not",
        "database/groups.py",
        "None if error is None else _not_synced(error)",
        "None",
        ("database",),
    ),
    Break(
        "take a kernel that cannot sync for one that can",
        "database/kernel_sync.py",
        "    if error is not None:\n        made.close()\n",
        "    if error is ...:\n        made.close()\n",
        ("database",),
    ),
    Break(
        "believe at a start what a failed sync may have left",
        "database/file.py",
        "if not _is_carried_over(writer):",
        "if False:",
        ("database",),
    ),
    Break(
        "carry over what may not be on the disk",
        "database/groups.py",
        "if self._lost is None and changes",
        "if changes",
        ("database",),
    ),
    Break(
        "take a commit that failed for one that did not",
        "database/groups.py",
        "            return [_failure(error)] * len(group)\n",
        "            return [None] * len(group)\n",
        ("database", "sweep"),
    ),
    Break(
        "tell listeners before the commit",
        "log/appending.py",
        "        self._first = first\n",
        "        self._first = first\n        self._appended(self._new_entries())\n",
        ("log", "sweep"),
    ),
    Break(
        "answer a post before its commit",
        "log/appending.py",
        "        self._waiting.append(done)\n",
        "        done(None)\n",
        ("log", "sweep"),
    ),
    Break(
        "swallow an event whose id is another's",
        "log/appending.py",
        "if owner == [event.account_sid, event.source] else 0",
        "if owner else 0",
        ("log",),
    ),
    Break(
        "take an event that the log has named for a new one when it comes back",
        "log/appending.py",
        "if not is_named and _is_come_back(connection, event, first):",
        "if False:",
        ("log",),
    ),
    Break(
        "take another event, where an id says that it is, for its own",
        "log/queries.sql",
        "AND is_named = 0))\n  AND id = :id;\n",
        "AND is_named = 0));\n",
        ("log",),
    ),
    Break(
        "lose the post of an event",
        "log/appending.py",
        'bytearray(posts.get(index, b""))',
        "bytearray()",
        ("sdk",),
    ),
    Break(
        "let the posts go with events that are past their time",
        "storage/pruning.py",
        "            _keep_posts(connection, span, kept)\n",
        "",
        ("pruning",),
    ),
    Break(
        "take what is not synced for a delivery that was kept",
        "capture/sdk/joiner.py",
        "                self._intake.submit((), done, also=once)\n",
        "                done(None)\n",
        ("sdk",),
    ),
    Break(
        "leave the first event of a commit out of its account's lists",
        "log/appending.py",
        "if position >= first",
        "if position > first",
        ("log",),
    ),
    Break(
        "take a late index for filled that is not",
        "database/late.sql",
        "ORDER BY call_sid, position;",
        "ORDER BY call_sid, position LIMIT 0;",
        ("database", "sweep"),
    ),
    Break(
        "let the bookmark pass what is under way",
        "delivery/settlement.py",
        "return self._taken[0] - 1 if self._taken else read_to",
        "return read_to",
        ("sweep", "simulation"),
    ),
    Break(
        "forget the exception of a failed attempt",
        "delivery/keeping.py",
        "        await self._keep(lambda: self._log.hold([exception]))\n",
        "",
        ("sweep", "delivery"),
    ),
    Break(
        "forget the dead letter",
        "delivery/keeping.py",
        "        await self._keep(lambda: self._log.bury([letter]))\n",
        "",
        ("sweep", "delivery"),
    ),
    Break(
        "drop what comes while the queue is full",
        "delivery/lane.py",
        "            self._live = False\n"
        "            self._read_to = entries[room].position - 1\n",
        "",
        ("delivery", "simulation"),
    ),
    Break(
        "tell of retries that arrived as of deliveries without a row, too",
        "delivery/attempts.py",
        "        if deliveries:\n            self._keeping.settle(deliveries,",
        "        if True:\n            self._keeping.settle(deliveries,",
        ("delivery", "simulation"),
    ),
    Break(
        "send a sink what came before its subscription, with what came after",
        "streams/routing.py",
        "                return False\n        return True",
        "                continue\n        return True",
        ("delivery", "streams"),
    ),
    Break(
        "retry at once, whatever the sink asked for",
        "delivery/retry.py",
        "    return max(int(spread * ceiling), retry_after_ms or 0)\n",
        "    return int(spread * ceiling)\n",
        ("delivery", "simulation"),
    ),
    Break(
        "try on after the deadline",
        "delivery/decide.py",
        "    if now_ms <= deadline_ms:\n",
        "    if True:\n",
        ("delivery", "simulation"),
    ),
    Break(
        "send a call's next event before one that failed",
        "delivery/ordering.py",
        "            return Turn.WAIT\n",
        "            return Turn.GO\n",
        ("delivery", "simulation"),
    ),
    Break(
        "work off a report twice",
        "capture/calls/call.py",
        "    if call.state not in transition.leaves:\n",
        "    if call.over:\n",
        ("calls",),
    ),
    Break(
        "give up a callback's place before its events are accepted",
        "capture/calls/sender.py",
        "await self._intake.accept(events, also=also)",
        "await self._intake.accept([], also=also)",
        ("sweep",),
    ),
    Break(
        "release a held post without its event",
        "capture/sdk/joiner.py",
        "            await self._intake.accept(events, rows=[release])\n",
        "            await self._intake.accept([], rows=[release])\n",
        ("sdk", "sweep"),
    ),
    Break(
        "do not keep a post that is held",
        "storage/posts.py",
        '        hold = _SQL["hold"], (row,)\n',
        '        hold = _SQL["hold"], ()\n',
        ("sdk", "sweep"),
    ),
    Break(
        "count a repeated delivery of a post twice",
        "storage/posts.py",
        "                raise Repeated\n",
        "                pass\n",
        ("sdk", "simulation"),
    ),
    Break(
        "begin a subscription one event late",
        "streams/routing.py",
        "return self.from_position < position and",
        "return self.from_position + 1 < position and",
        ("streams", "simulation"),
    ),
    Break(
        "keep a post that cannot be read again",
        "capture/sdk/post.py",
        "        if len(body) > _SURELY_SHALLOW:\n            _check_depth(body)\n",
        "",
        ("fuzz",),
    ),
    Break(
        "take a number that no consumer can hold",
        "capture/sdk/post.py",
        "return value if abs(value) <= _LARGEST else None",
        "return value",
        ("fuzz",),
    ),
    Break(
        "trust a client whose token is not good any more",
        "capture/sdk/token.py",
        "            known.until_ms = 0\n",
        "            pass\n",
        ("sdk",),
    ),
    Break(
        "describe a call by what its posts no longer tell",
        "capture/sdk/sticky.py",
        "at_ms\n            self.described = None\n",
        "at_ms\n",
        ("sdk",),
    ),
    Break(
        "take another client's head for the last one's",
        "server/heads.py",
        " or not data.startswith(after, end):",
        ":",
        ("server",),
    ),
    Break(
        "take any answer for the last one",
        "outgoing/connection.py",
        "or data != self._known[0]:",
        "or data[:12] != self._known[0][:12]:",
        ("outgoing",),
    ),
    Break(
        "let a token choose its algorithm",
        "capture/sdk/token.py",
        'header.get("alg") == "HS256" and',
        '"alg" in header and',
        ("fuzz",),
    ),
)
