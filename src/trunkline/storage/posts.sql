-- find_call: The call with that temporary id or SID; the one seen last wins.
SELECT account_sid, known_as, call_sid, sticky, seen_ms FROM (
    SELECT * FROM sdk_call WHERE account_sid = :account_sid AND known_as = :id
    UNION ALL
    SELECT * FROM sdk_call INDEXED BY sdk_call_by_sid
    WHERE account_sid = :account_sid AND call_sid = :id
)
ORDER BY seen_ms DESC LIMIT 1;

-- ids_of_call: The SID that goes with a temporary id, and all ids that go with a SID.
WITH named AS (
    SELECT :id AS sid
    UNION
    SELECT call_sid FROM sdk_call WHERE account_sid = :account_sid AND known_as = :id
)
SELECT sid FROM named
UNION
SELECT known_as FROM sdk_call INDEXED BY sdk_call_by_sid
WHERE account_sid = :account_sid AND call_sid IN (SELECT sid FROM named);

-- save_call: Insert or replace a call.
INSERT INTO sdk_call (account_sid, known_as, call_sid, sticky, seen_ms)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (account_sid, known_as) DO UPDATE SET
    call_sid = excluded.call_sid, sticky = excluded.sticky, seen_ms = excluded.seen_ms;

-- hold: Keep an event that waits.
INSERT INTO held_event (id, account_sid, temp_call_sid, due_ms, body)
VALUES (?, ?, ?, ?, ?);

-- cut_waits: Let no event of a call wait longer than until then.
UPDATE held_event SET due_ms = ?3
WHERE account_sid = ?1 AND temp_call_sid = ?2 AND due_ms > ?3;

-- release: Drop an event that waits no longer.
DELETE FROM held_event WHERE id = ?;

-- held_events: All events that wait, in the order of their arrival.
SELECT due_ms, body FROM held_event ORDER BY number;

-- keep_unattached: Keep a post that names no call.
INSERT INTO unattached_post (account_sid, received_ms, body) VALUES (?, ?, ?);

-- prune_calls: Drop some calls that were last seen before then.
DELETE FROM sdk_call WHERE (account_sid, known_as) IN (
    SELECT account_sid, known_as FROM sdk_call
    WHERE seen_ms < :before_ms ORDER BY seen_ms LIMIT :limit
);

-- prune_unattached: Drop some posts that came before then.
DELETE FROM unattached_post WHERE number IN (
    SELECT number FROM unattached_post ORDER BY number LIMIT :limit
) AND received_ms < :before_ms;

-- add_salt: Keep a salt, unless there is one of that name.
INSERT INTO salt (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING;

-- salt: The salt of that name.
SELECT value FROM salt WHERE name = ?;

-- add_delivery: Remember a delivery, unless it is remembered from a short while ago.
INSERT INTO sdk_delivery (account_sid, id, received_ms)
VALUES (:account_sid, :id, :received_ms)
ON CONFLICT (account_sid, id) DO UPDATE SET received_ms = excluded.received_ms
WHERE sdk_delivery.received_ms <= :forgotten_ms;

-- has_come: Whether a delivery is remembered from a short while ago.
SELECT 1 FROM sdk_delivery
WHERE account_sid = :account_sid AND id = :id AND received_ms > :forgotten_ms;

-- keep: Keep a post apart from any event.
INSERT INTO sdk_post
    (account_sid, call_id, event_id, at_ms, received_ms, clock_skew, body)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- keep_sample: Keep a sample, in place of one of the same time.
INSERT OR REPLACE INTO sdk_sample (call_id, account_sid, at_ms, received_ms, body)
VALUES (?, ?, ?, ?, ?);

-- keep_roll_up: Keep a roll-up, in place of one that starts at the same time.
INSERT OR REPLACE INTO sdk_roll_up (call_id, account_sid, first_ms, received_ms, body)
VALUES (?, ?, ?, ?, ?);

-- prune_posts: Drop some posts that came before then.
DELETE FROM sdk_post WHERE number IN (
    SELECT number FROM sdk_post
    WHERE received_ms < :before_ms ORDER BY received_ms LIMIT :limit
);

-- events_with_old_posts: Up to where are the next events accepted before then; how many.
SELECT max(position), count(*) FROM (
    SELECT position, accepted_ms FROM event
    WHERE position > (SELECT upto FROM posts_dropped) ORDER BY position LIMIT :limit
) WHERE accepted_ms < :before_ms;

-- drop_posts: Drop the posts in the rows of these events.
UPDATE event SET post = x''
WHERE position > (SELECT upto FROM posts_dropped) AND position <= :upto AND post <> x'';

-- note_dropped: Note up to where that is done.
UPDATE posts_dropped SET upto = :upto;

-- lower_late_index: Numbers above the highest left are given again: so does their index.
UPDATE late_index SET upto = (SELECT coalesce(max(number), 0) FROM sdk_post)
WHERE name = 'sdk_post' AND upto > (SELECT coalesce(max(number), 0) FROM sdk_post);

-- prune_samples: Drop some samples that came before then.
DELETE FROM sdk_sample WHERE (call_id, account_sid, at_ms) IN (
    SELECT call_id, account_sid, at_ms FROM sdk_sample
    WHERE received_ms < :before_ms ORDER BY received_ms LIMIT :limit
);

-- prune_roll_ups: Drop some roll-ups of posts that came before then.
DELETE FROM sdk_roll_up WHERE (call_id, account_sid, first_ms) IN (
    SELECT call_id, account_sid, first_ms FROM sdk_roll_up
    WHERE received_ms < :before_ms ORDER BY received_ms LIMIT :limit
);

-- prune_deliveries: Forget some deliveries from before then.
DELETE FROM sdk_delivery WHERE (account_sid, id) IN (
    SELECT account_sid, id FROM sdk_delivery
    WHERE received_ms < :before_ms ORDER BY received_ms LIMIT :limit
);
