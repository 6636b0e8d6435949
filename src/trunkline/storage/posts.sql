-- find_call: The call with that temporary id or SID; the one seen last wins.
SELECT account_sid, known_as, call_sid, sticky, seen_ms FROM (
    SELECT * FROM sdk_call WHERE account_sid = :account_sid AND known_as = :id
    UNION ALL
    SELECT * FROM sdk_call WHERE account_sid = :account_sid AND call_sid = :id
)
ORDER BY seen_ms DESC LIMIT 1;

-- save_call: Insert or replace a call.
INSERT INTO sdk_call (account_sid, known_as, call_sid, sticky, seen_ms)
VALUES (:account_sid, :known_as, :call_sid, :sticky, :seen_ms)
ON CONFLICT (account_sid, known_as) DO UPDATE SET
    call_sid = excluded.call_sid, sticky = excluded.sticky, seen_ms = excluded.seen_ms;

-- hold: Keep an event that waits.
INSERT INTO held_event (id, account_sid, temp_call_sid, due_ms, body)
VALUES (:id, :account_sid, :temp_call_sid, :due_ms, :body);

-- cut_waits: Let no event of a call wait longer than until then.
UPDATE held_event SET due_ms = :due_ms
WHERE account_sid = :account_sid AND temp_call_sid = :temp_call_sid
    AND due_ms > :due_ms;

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
