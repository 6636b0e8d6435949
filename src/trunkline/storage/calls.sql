-- add_call: Keep a new call.
INSERT INTO call (sid, account_sid, created_ms, over, limit_ms, body)
VALUES (:sid, :account_sid, :created_ms, :over, :limit_ms, :body);

-- adopt_call: Keep a call, unless it is kept already.
INSERT INTO call (sid, account_sid, created_ms, over, limit_ms, body)
VALUES (:sid, :account_sid, :created_ms, :over, :limit_ms, :body)
ON CONFLICT (sid) DO NOTHING;

-- change_call: Store what a call has become; a call that is over stays as it is.
UPDATE call SET over = :over, limit_ms = :limit_ms, body = :body
WHERE sid = :sid AND over = 0;

-- call: One call.
SELECT body FROM call WHERE sid = ?;

-- live: Calls that are not over, in the order of their SIDs.
SELECT body FROM call INDEXED BY call_alive
WHERE over = 0 AND sid > ? ORDER BY sid LIMIT ?;

-- overdue: Calls that have rung, or lasted, for as long as they may.
SELECT sid FROM call WHERE over = 0 AND limit_ms <= ? ORDER BY limit_ms LIMIT ?;

-- list: Calls of an account that pass the filters and are older than one, newest first.
SELECT body FROM call_as_listed
WHERE account_sid = :account_sid AND (created_ms, sid) < (:edge_ms, :edge_sid)
  AND (:to IS NULL OR "to" = :to)
  AND (:from_ IS NULL OR "from" = :from_)
  AND (:parent_call_sid IS NULL OR parent_call_sid = :parent_call_sid)
  AND (:status IS NULL OR status = :status)
  AND (:started_from IS NULL OR started_ms >= :started_from)
  AND (:started_before IS NULL OR started_ms < :started_before)
  AND (:ended_from IS NULL OR completed_ms >= :ended_from)
  AND (:ended_before IS NULL OR completed_ms < :ended_before)
ORDER BY created_ms DESC, sid DESC LIMIT :limit OFFSET :offset;

-- list_newer: Calls of an account that pass the filters and are newer, oldest first.
SELECT body FROM call_as_listed
WHERE account_sid = :account_sid AND (created_ms, sid) > (:edge_ms, :edge_sid)
  AND (:to IS NULL OR "to" = :to)
  AND (:from_ IS NULL OR "from" = :from_)
  AND (:parent_call_sid IS NULL OR parent_call_sid = :parent_call_sid)
  AND (:status IS NULL OR status = :status)
  AND (:started_from IS NULL OR started_ms >= :started_from)
  AND (:started_before IS NULL OR started_ms < :started_before)
  AND (:ended_from IS NULL OR completed_ms >= :ended_from)
  AND (:ended_before IS NULL OR completed_ms < :ended_before)
ORDER BY created_ms, sid LIMIT :limit OFFSET :offset;

-- name_leg: Say how others call a call, unless that name is taken.
INSERT INTO call_leg (account_sid, leg, call_sid) VALUES (?, ?, ?)
ON CONFLICT (account_sid, leg) DO NOTHING;

-- leg: The call that others call so.
SELECT call_sid FROM call_leg WHERE account_sid = ? AND leg = ?;

-- delete_call: Remove a call that is over.
DELETE FROM call WHERE sid = ? AND over = 1;

-- delete_call_events: Remove the requests of a call's life.
DELETE FROM call_event WHERE call_sid = ?;

-- add_callback: Put a callback at the end of the queue.
INSERT INTO callback (call_sid, host, body) VALUES (?, ?, ?);

-- waiting: Places in the queue, in order.
SELECT number, call_sid, host FROM callback WHERE number > ? ORDER BY number LIMIT ?;

-- callback: The callback at a place.
SELECT body FROM callback WHERE number = ?;

-- settle_callback: Give up a place in the queue.
DELETE FROM callback WHERE number = ?;

-- add_call_event: Record a request of a call's life, unless the call was removed.
INSERT INTO call_event (call_sid, body)
SELECT :call_sid, :body WHERE EXISTS (SELECT 1 FROM call WHERE sid = :call_sid);

-- call_events: Requests of a call's life, oldest first.
SELECT body FROM call_event WHERE call_sid = ? ORDER BY number LIMIT ? OFFSET ?;
