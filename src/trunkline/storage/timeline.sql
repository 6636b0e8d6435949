-- is_known: Whether anything is on record of a call.
SELECT EXISTS (SELECT 1 FROM event NOT INDEXED
               WHERE position IN (SELECT position FROM event_by_call WHERE call_sid IN
                                  (SELECT value FROM json_each(:ids)))
               AND account_sid = :account_sid)
    OR EXISTS (SELECT 1 FROM sdk_post
               WHERE number IN (SELECT number FROM sdk_post_by_call WHERE call_id IN
                                (SELECT value FROM json_each(:ids)))
               AND account_sid = :account_sid)
    OR EXISTS (SELECT 1 FROM sdk_sample
               WHERE call_id IN (SELECT value FROM json_each(:ids))
               AND account_sid = :account_sid)
    OR EXISTS (SELECT 1 FROM call WHERE sid IN (SELECT value FROM json_each(:ids))
               AND +account_sid = :account_sid);

-- event_marks: Times and ids of a call's events.
SELECT time, id FROM event NOT INDEXED
WHERE position IN (SELECT position FROM event_by_call
                   WHERE call_sid IN (SELECT value FROM json_each(:ids)))
  AND account_sid = :account_sid
ORDER BY position LIMIT :limit;

-- post_marks: A call's posts, without their bodies.
SELECT number, at_ms, event_id FROM sdk_post
WHERE number IN (SELECT number FROM sdk_post_by_call
                 WHERE call_id IN (SELECT value FROM json_each(:ids)))
  AND account_sid = :account_sid
ORDER BY number LIMIT :limit;

-- requests: The requests of a call's life.
SELECT number, call_event.body FROM call_event JOIN call ON call.sid = call_sid
WHERE call_sid IN (SELECT value FROM json_each(:ids)) AND +account_sid = :account_sid
ORDER BY number LIMIT :limit;

-- events: Events by their ids, with their posts; `told` are positions that ids tell.
SELECT post, accepted_ms, id, account_sid, type, source, time, call_sid, data
FROM event NOT INDEXED
WHERE position IN (SELECT value FROM json_each(:told)
                   UNION ALL
                   SELECT position FROM event INDEXED BY event_by_id
                   WHERE id IN (SELECT value FROM json_each(:ids)) AND is_named = 0)
  AND id IN (SELECT value FROM json_each(:ids)) AND account_sid = :account_sid;

-- posts: Posts by their numbers.
SELECT number, account_sid, call_id, event_id, at_ms, received_ms, clock_skew, body
FROM sdk_post
WHERE number IN (SELECT value FROM json_each(:numbers)) AND account_sid = :account_sid;

-- roll_ups: Roll-ups of a call's samples, in the order of their times.
SELECT body FROM sdk_roll_up
WHERE call_id IN (SELECT value FROM json_each(:ids)) AND account_sid = :account_sid
ORDER BY first_ms LIMIT :limit;

-- sample_marks: Times of a call's samples.
SELECT at_ms, call_id FROM sdk_sample
WHERE call_id IN (SELECT value FROM json_each(:ids)) AND account_sid = :account_sid
ORDER BY at_ms, call_id LIMIT :limit;

-- samples: A call's samples of some time.
SELECT at_ms, call_id, body FROM sdk_sample
WHERE call_id IN (SELECT value FROM json_each(:ids)) AND account_sid = :account_sid
  AND at_ms BETWEEN :first_ms AND :last_ms;

-- has_final_event: Whether the Voice SDK has reported the end of a call.
SELECT EXISTS (
    SELECT 1 FROM event NOT INDEXED
    WHERE position IN (SELECT position FROM event_by_call
                       WHERE call_sid IN (SELECT value FROM json_each(:ids)))
      AND account_sid = :account_sid AND data ->> '$.group' = 'connection'
      AND (data ->> '$.name' IN (SELECT value FROM json_each(:names))
           OR (data ->> '$.name' = 'error' AND data ->> '$.level' = 'ERROR'))
);
