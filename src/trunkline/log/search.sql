-- Lists of an account go through its blocks of 64 positions: see queries.sql.

-- oldest: The first event at or after a position.
SELECT position, accepted_ms FROM event WHERE position >= ? ORDER BY position LIMIT 1;

-- newest: The last event at or before a position.
SELECT position FROM event WHERE position <= ? ORDER BY position DESC LIMIT 1;

-- events_down: Events of an account before a position, newest first.
SELECT e.position, e.accepted_ms,
       e.id, e.account_sid, e.type, e.source, e.time, e.call_sid, e.data
FROM account_block AS b CROSS JOIN event AS e
  ON e.position BETWEEN b.block << 6 AND (b.block << 6) + 63
WHERE b.account_sid = :account_sid
  AND b.block BETWEEN :lowest >> 6 AND min(:key, :highest) >> 6
  AND e.account_sid = :account_sid AND +e.position < :key
  AND +e.position >= :lowest AND +e.position < :highest
  AND (:any_type OR e.type IN (SELECT value FROM json_each(:types)))
ORDER BY b.block DESC, e.position DESC LIMIT :limit OFFSET :offset;

-- events_up: Positions of such events after a position, oldest first.
SELECT e.position
FROM account_block AS b CROSS JOIN event AS e
  ON e.position BETWEEN b.block << 6 AND (b.block << 6) + 63
WHERE b.account_sid = :account_sid
  AND b.block BETWEEN max(:key, :lowest) >> 6 AND :highest >> 6
  AND e.account_sid = :account_sid AND +e.position > :key
  AND +e.position >= :lowest AND +e.position < :highest
  AND (:any_type OR e.type IN (SELECT value FROM json_each(:types)))
ORDER BY b.block, e.position LIMIT :limit OFFSET :offset;

-- call_events_down: Events of a call before a position, newest first.
SELECT position, accepted_ms,
       id, account_sid, type, source, time, call_sid, data
FROM event NOT INDEXED
WHERE position IN (SELECT position FROM event_by_call
                   WHERE call_sid IN (SELECT value FROM json_each(:call_ids)))
  AND account_sid = :account_sid AND position < :key
  AND position >= :lowest AND position < :highest
  AND (:any_type OR type IN (SELECT value FROM json_each(:types)))
ORDER BY position DESC LIMIT :limit OFFSET :offset;

-- call_events_up: Positions of such events after a position, oldest first.
SELECT position
FROM event NOT INDEXED
WHERE position IN (SELECT position FROM event_by_call
                   WHERE call_sid IN (SELECT value FROM json_each(:call_ids)))
  AND account_sid = :account_sid AND position > :key
  AND position >= :lowest AND position < :highest
  AND (:any_type OR type IN (SELECT value FROM json_each(:types)))
ORDER BY position LIMIT :limit OFFSET :offset;

-- event: One event of an account. `told` is the position that its id tells.
SELECT position, accepted_ms,
       id, account_sid, type, source, time, call_sid, data
FROM event
WHERE position IN (:told, (SELECT position FROM event WHERE id = :id AND is_named = 0))
  AND id = :id AND account_sid = :account_sid;

-- exceptions_at: What waits for its next attempt at a position, at any sink.
SELECT e.sink_sid, e.position, e.call, e.attempt, e.due_ms, e.deadline_ms,
       e.code, e.detail, e.http_status, e.first_ms, e.last_ms
FROM sink CROSS JOIN exception AS e ON e.sink_sid = sink.sid
WHERE sink.account_sid = :account_sid AND e.position = :position;

-- letters_at: What was given up at a position, at any sink, also one that is gone.
SELECT sid, sink_sid, position, account_sid, event_id, event_type, call_sid,
       code, reason, attempts, http_status, last_answer, first_ms, last_ms
FROM dead_letter WHERE event_id = :id AND account_sid = :account_sid;

-- bookmarks: Up to where the sinks of an account are settled.
SELECT sink_sid, position FROM bookmark
WHERE sink_sid IN (SELECT sid FROM sink WHERE account_sid = :account_sid);

-- letters_down: Dead letters of an account before one, newest first.
SELECT sid, sink_sid, position, account_sid, event_id, event_type, call_sid,
       code, reason, attempts, http_status, last_answer, first_ms, last_ms
FROM dead_letter
WHERE account_sid = :account_sid AND sid < :key
  AND (:sink_sid IS NULL OR sink_sid = :sink_sid)
  AND (:code IS NULL OR code = :code)
  AND (:any_type OR event_type IN (SELECT value FROM json_each(:types)))
  AND (:any_call OR call_sid IN (SELECT value FROM json_each(:call_ids)))
  AND last_ms >= :from_ms AND last_ms < :to_ms
ORDER BY sid DESC LIMIT :limit OFFSET :offset;

-- letters_up: SIDs of such dead letters after one, oldest first.
SELECT sid
FROM dead_letter
WHERE account_sid = :account_sid AND sid > :key
  AND (:sink_sid IS NULL OR sink_sid = :sink_sid)
  AND (:code IS NULL OR code = :code)
  AND (:any_type OR event_type IN (SELECT value FROM json_each(:types)))
  AND (:any_call OR call_sid IN (SELECT value FROM json_each(:call_ids)))
  AND last_ms >= :from_ms AND last_ms < :to_ms
ORDER BY sid LIMIT :limit OFFSET :offset;

-- letter: One dead letter of an account.
SELECT sid, sink_sid, position, account_sid, event_id, event_type, call_sid,
       code, reason, attempts, http_status, last_answer, first_ms, last_ms
FROM dead_letter WHERE sid = :sid AND account_sid = :account_sid;

-- waiting: How many deliveries of each sink wait for their next attempt.
SELECT sink_sid, count(*) FROM exception GROUP BY sink_sid;
