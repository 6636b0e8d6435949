-- Events of an account are looked for in its blocks of 64 positions, one after the other.
-- A plus hides the range's own bounds from SQLite's planner, which might seek by them and
-- read each block from the range's start.

-- head: The newest position ever given to an event, 0 in a new log.
SELECT position FROM log_head;

-- move_head: Note the newest position.
UPDATE log_head SET position = ?;

-- append: Add an event, unless its id is there already.
INSERT INTO event
    (position, id, account_sid, type, source, time, call_sid, accepted_ms, data,
     is_named, post)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) WHERE is_named = 0 DO NOTHING;

-- find: Where the event with an id is, and whose it is; `told` is what the id tells.
SELECT position, account_sid, source FROM event
WHERE position IN (:told, (SELECT position FROM event WHERE id = :id AND is_named = 0))
  AND id = :id;

-- note_block: Note that an account has an event in a block of positions.
INSERT INTO account_block (account_sid, block) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- read: Events of one account in a range of positions, oldest first, all in one row.
SELECT json_group_array(json_array(
         position, accepted_ms, id, account_sid, type, source, time, call_sid)),
       CAST(group_concat(data, char(30)) AS BLOB)
FROM (
  SELECT e.position, e.accepted_ms,
         e.id, e.account_sid, e.type, e.source, e.time, e.call_sid, e.data
  FROM account_block AS b CROSS JOIN event AS e
    ON e.position BETWEEN b.block << 6 AND (b.block << 6) + 63
  WHERE b.account_sid = :account_sid AND b.block BETWEEN :after >> 6 AND :upto >> 6
    AND e.account_sid = :account_sid AND +e.position > :after AND +e.position <= :upto
    AND e.type IN (SELECT value FROM json_each(:types))
  ORDER BY b.block, e.position
  LIMIT :limit);

-- count: How many events of one account and these types a range of positions has.
SELECT count(*) FROM account_block AS b CROSS JOIN event AS e
  ON e.position BETWEEN b.block << 6 AND (b.block << 6) + 63
WHERE b.account_sid = :account_sid AND b.block BETWEEN :after >> 6 AND :upto >> 6
  AND e.account_sid = :account_sid AND +e.position > :after AND +e.position <= :upto
  AND e.type IN (SELECT value FROM json_each(:types));

-- entry: One event by its position.
SELECT position, accepted_ms,
       id, account_sid, type, source, time, call_sid, data
FROM event WHERE position = ?;

-- bookmarks: Every sink's bookmark.
SELECT sink_sid, position FROM bookmark;

-- move_bookmark: Move a bookmark; it never goes back.
INSERT INTO bookmark (sink_sid, position) VALUES (?, ?)
ON CONFLICT (sink_sid) DO UPDATE SET position = excluded.position
WHERE excluded.position > bookmark.position;

-- forget_bookmark: Drop the bookmark of a deleted sink.
DELETE FROM bookmark WHERE sink_sid = ?;

-- forget_exceptions: Drop the exceptions of a deleted sink.
DELETE FROM exception WHERE sink_sid = ?;

-- hold: Keep a failed delivery, if it was attempted more often than what is kept, and
-- its event was not pruned meanwhile.
INSERT INTO exception
    (sink_sid, position, call, attempt, due_ms, deadline_ms,
     code, detail, http_status, first_ms, last_ms)
SELECT :sink_sid, :position, :call, :attempt, :due_ms, :deadline_ms,
       :code, :detail, :http_status, :first_ms, :last_ms
WHERE EXISTS (SELECT 1 FROM event WHERE position = :position)
ON CONFLICT (sink_sid, position) DO UPDATE SET
    attempt = excluded.attempt, due_ms = excluded.due_ms, code = excluded.code,
    detail = excluded.detail, http_status = excluded.http_status,
    last_ms = excluded.last_ms
WHERE excluded.attempt > exception.attempt;

-- release: Drop an exception whose delivery is settled.
DELETE FROM exception WHERE sink_sid = ? AND position = ?;

-- due: Exceptions of a sink whose next attempt may start, with their events.
SELECT e.sink_sid, e.position, e.call, e.attempt, e.due_ms, e.deadline_ms,
       e.code, e.detail, e.http_status, e.first_ms, e.last_ms,
       event.position, event.accepted_ms, event.id, event.account_sid,
       event.type, event.source, event.time, event.call_sid, event.data
FROM exception AS e JOIN event ON event.position = e.position
WHERE e.sink_sid = :sink_sid AND e.due_ms <= :now_ms
  AND (e.due_ms, e.position) > (:after_due_ms, :after_position)
ORDER BY e.due_ms, e.position
LIMIT :limit;

-- postpone: Let later exceptions of a call wait until an earlier one is due again.
UPDATE exception SET due_ms = :due_ms
WHERE sink_sid = :sink_sid AND call = :call AND position > :position
  AND due_ms < :due_ms;

-- waiting_calls: The call and due time of each exception of a sink.
SELECT call, due_ms FROM exception WHERE sink_sid = ?;

-- next_due: When the next exception of a sink is due.
SELECT min(due_ms) FROM exception WHERE sink_sid = ?;

-- unsettled_by_row: Positions above a bookmark that have a row of their own.
SELECT position FROM exception WHERE sink_sid = :sink_sid AND position > :after
UNION
SELECT position FROM dead_letter WHERE sink_sid = :sink_sid AND position > :after;

-- bury: Keep a dead letter; the same delivery is buried once.
INSERT INTO dead_letter
    (sid, sink_sid, position, account_sid, event_id, event_type, call_sid,
     code, reason, attempts, http_status, last_answer, first_ms, last_ms)
VALUES
    (:sid, :sink_sid, :position, :account_sid, :event_id, :event_type, :call_sid,
     :code, :reason, :attempts, :http_status, :last_answer, :first_ms, :last_ms)
ON CONFLICT (sink_sid, position) DO NOTHING;

-- is_buried: Whether a delivery became a dead letter.
SELECT 1 FROM dead_letter WHERE sink_sid = ? AND position = ?;

-- dead_letters: Dead letters of a sink, oldest first.
SELECT sid, sink_sid, position, account_sid, event_id, event_type, call_sid,
       code, reason, attempts, http_status, last_answer, first_ms, last_ms
FROM dead_letter WHERE sink_sid = ? ORDER BY position;

-- owe_again: Make an exception that is due of a dead letter whose event is still here.
INSERT INTO exception
    (sink_sid, position, call, attempt, due_ms, deadline_ms,
     code, detail, http_status, first_ms, last_ms)
SELECT letter.sink_sid, letter.position,
       CASE letter.call_sid WHEN '' THEN letter.event_id ELSE letter.call_sid END,
       0, :now_ms, :deadline_ms, letter.code, letter.reason, letter.http_status,
       :now_ms, :now_ms
FROM dead_letter AS letter JOIN event ON event.position = letter.position
WHERE letter.sid = :sid
ON CONFLICT (sink_sid, position) DO NOTHING
RETURNING call;

-- raise_letter: Drop a dead letter that is owed again.
DELETE FROM dead_letter WHERE sid = ?;

-- accepted_from: When the first event at or after a position was accepted.
SELECT accepted_ms FROM event WHERE position >= ? ORDER BY position LIMIT 1;

-- first_position: The oldest position that is kept.
SELECT min(position) FROM event;

-- read_again: Events of one account to be replayed, oldest first.
SELECT e.position, e.accepted_ms,
       e.id, e.account_sid, e.type, e.source, e.time, e.call_sid, e.data
FROM account_block AS b CROSS JOIN event AS e
  ON e.position BETWEEN b.block << 6 AND (b.block << 6) + 63
WHERE b.account_sid = :account_sid AND b.block BETWEEN :after >> 6 AND :upto >> 6
  AND e.account_sid = :account_sid AND +e.position > :after AND +e.position <= :upto
  AND e.accepted_ms >= :from_ms AND e.accepted_ms < :to_ms
  AND e.type IN (SELECT value FROM json_each(:types))
  AND (:call_sid IS NULL OR e.call_sid = :call_sid)
ORDER BY b.block, e.position
LIMIT :limit;
