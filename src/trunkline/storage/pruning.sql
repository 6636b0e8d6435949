-- used_pages: Pages of the file that hold something, and their size.
SELECT (SELECT page_count FROM pragma_page_count())
     - (SELECT freelist_count FROM pragma_freelist_count()),
       (SELECT page_size FROM pragma_page_size());

-- oldest: When the oldest event was accepted.
SELECT accepted_ms FROM event ORDER BY position LIMIT 1;

-- piece: The next events, oldest first.
SELECT position, accepted_ms FROM event
WHERE position > ? ORDER BY position LIMIT ?;

-- waiting: Positions in a range that have a delivery waiting for its next attempt.
SELECT DISTINCT e.position
FROM sink CROSS JOIN exception AS e
  ON e.sink_sid = sink.sid AND e.position > :after AND e.position <= :upto;

-- behind: Whether any sink is not settled up to a position.
SELECT 1 FROM sink LEFT JOIN bookmark ON bookmark.sink_sid = sink.sid
WHERE coalesce(bookmark.position, 0) < ? LIMIT 1;

-- owed: Deliveries in a range that no attempt was made of, or whose end is not known.
SELECT DISTINCT sink.sid, event.position, event.account_sid, event.id, event.type,
       event.call_sid,
       CASE sink.sink_type WHEN 'webhook' THEN 91303 ELSE 93101 END,
       0, NULL, event.accepted_ms
FROM event
JOIN subscribed_type AS s
  ON s.account_sid = event.account_sid AND s.type = event.type
 AND s.from_position < event.position
 AND (s.until_position IS NULL OR event.position <= s.until_position)
JOIN sink ON sink.sid = s.sink_sid
LEFT JOIN bookmark ON bookmark.sink_sid = s.sink_sid
WHERE event.position > :after AND event.position <= :upto
  AND event.position > coalesce(bookmark.position, 0)
  AND NOT EXISTS (SELECT 1 FROM exception AS e
                  WHERE e.sink_sid = s.sink_sid AND e.position = event.position)
  AND NOT EXISTS (SELECT 1 FROM dead_letter AS d
                  WHERE d.sink_sid = s.sink_sid AND d.position = event.position)
ORDER BY event.position;

-- failed: Deliveries in a range that wait for their next attempt.
SELECT e.sink_sid, e.position, event.account_sid, event.id, event.type,
       event.call_sid,
       CASE sink.sink_type WHEN 'webhook' THEN 91303 ELSE 93101 END,
       e.attempt, e.http_status, e.first_ms
FROM sink CROSS JOIN exception AS e
  ON e.sink_sid = sink.sid AND e.position > :after AND e.position <= :upto
JOIN event ON event.position = e.position
ORDER BY e.position;

-- bury: Keep a dead letter; the same delivery is buried once.
INSERT INTO dead_letter
    (sid, sink_sid, position, account_sid, event_id, event_type, call_sid,
     code, reason, attempts, http_status, last_answer, first_ms, last_ms)
VALUES
    (:sid, :sink_sid, :position, :account_sid, :event_id, :event_type, :call_sid,
     :code, :reason, :attempts, :http_status, :last_answer, :first_ms, :last_ms)
ON CONFLICT (sink_sid, position) DO NOTHING;

-- drop_exceptions: Drop what waits for its next attempt, in a range.
DELETE FROM exception
WHERE sink_sid IN (SELECT sid FROM sink) AND position > :after AND position <= :upto;

-- drop_strays: Drop what waits for its next attempt of events that are gone.
DELETE FROM exception
WHERE sink_sid IN (SELECT sid FROM sink)
  AND position < coalesce((SELECT min(position) FROM event), 9e18);

-- posts_of_events: The posts in the rows of the events of a range, but for some.
SELECT account_sid, call_sid, id, time, accepted_ms, post FROM event
WHERE position > :after AND position <= :upto
  AND position NOT IN (SELECT value FROM json_each(:kept)) AND post <> x''
ORDER BY position;

-- drop_events: Drop the events of a range, but for some; whose they were, and their block.
DELETE FROM event
WHERE position > :after AND position <= :upto
  AND position NOT IN (SELECT value FROM json_each(:kept))
RETURNING account_sid, position >> 6;

-- drop_block: Drop a block of an account that has no event there any more.
DELETE FROM account_block
WHERE account_sid = :account_sid AND block = :block
  AND NOT EXISTS (SELECT 1 FROM event
                  WHERE position BETWEEN :block << 6 AND (:block << 6) + 63
                    AND account_sid = :account_sid);

-- prune_letters: Drop some dead letters whose SIDs, which tell the time, are below.
DELETE FROM dead_letter WHERE sid IN (
    SELECT sid FROM dead_letter WHERE sid < :below ORDER BY sid LIMIT :limit
);

-- spent_letters: Some dead letters, of SIDs below one, whose events are gone.
SELECT sid FROM dead_letter
WHERE sid < :below
  AND position < coalesce((SELECT min(position) FROM event), 9e18)
ORDER BY sid LIMIT :limit;

-- drop_letter: Drop a dead letter.
DELETE FROM dead_letter WHERE sid = ?;

-- old_notices: Some notices of failures that ended before then.
SELECT number FROM notice WHERE last_ms < ? ORDER BY number LIMIT 1000;

-- drop_notice: Drop a notice.
DELETE FROM notice WHERE number = ?;

-- old_calls: Some calls that were made before then, and are over.
SELECT sid FROM call INDEXED BY call_over_by_age
WHERE over = 1 AND created_ms < :before_ms
  AND coalesce(json_extract(body, '$.ended_ms'), created_ms) < :before_ms
ORDER BY created_ms LIMIT :limit;

-- drop_call_events: Drop the requests of a call's life.
DELETE FROM call_event WHERE call_sid = ?;

-- drop_call: Drop a call.
DELETE FROM call WHERE sid = ?;
