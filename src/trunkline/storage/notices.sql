-- add: Keep a notice.
INSERT INTO notice
    (account_sid, sink_sid, code, level, message, count, first_ms, last_ms,
     event_type, event_id, http_status)
VALUES
    (:account_sid, :sink_sid, :code, :level, :message, :count, :first_ms, :last_ms,
     :event_type, :event_id, :http_status);

-- make_room: Drop all but the newest.
DELETE FROM notice WHERE number <= (SELECT max(number) FROM notice) - ?;

-- down: Notices of an account before one, newest first.
SELECT number, account_sid, sink_sid, code, level, message, count, first_ms, last_ms,
       event_type, event_id, http_status
FROM notice
WHERE account_sid = :account_sid AND number < :key
  AND (:sink_sid IS NULL OR sink_sid = :sink_sid)
  AND (:code IS NULL OR code = :code)
ORDER BY number DESC LIMIT :limit OFFSET :offset;

-- up: Numbers of such notices after one, oldest first.
SELECT number FROM notice
WHERE account_sid = :account_sid AND number > :key
  AND (:sink_sid IS NULL OR sink_sid = :sink_sid)
  AND (:code IS NULL OR code = :code)
ORDER BY number LIMIT 1 OFFSET :offset;

-- prune: Drop notices of failures that ended before then.
DELETE FROM notice WHERE last_ms < ?;
