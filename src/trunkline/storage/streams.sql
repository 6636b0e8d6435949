-- sinks: Every sink.
SELECT sid, account_sid, description, sink_type, configuration, status, live,
       created_ms, updated_ms, test_id, policy
FROM sink;

-- save_sink: Add a sink, or put it in the place of its former self.
INSERT INTO sink
    (sid, account_sid, description, sink_type, configuration, status, live,
     created_ms, updated_ms, test_id, policy)
VALUES
    (:sid, :account_sid, :description, :sink_type, :configuration, :status, :live,
     :created_ms, :updated_ms, :test_id, :policy)
ON CONFLICT (sid) DO UPDATE SET
    description = excluded.description, status = excluded.status,
    live = excluded.live, updated_ms = excluded.updated_ms,
    test_id = excluded.test_id, policy = excluded.policy;

-- delete_sink: Drop a sink.
DELETE FROM sink WHERE sid = ?;

-- delete_types_of_sink: Drop what was ever subscribed on a sink.
DELETE FROM subscribed_type WHERE sink_sid = ?;

-- subscriptions: Every subscription.
SELECT sid, account_sid, sink_sid, description, created_ms, updated_ms
FROM subscription;

-- save_subscription: Add a subscription, or put it in the place of its former self.
INSERT INTO subscription
    (sid, account_sid, sink_sid, description, created_ms, updated_ms)
VALUES
    (:sid, :account_sid, :sink_sid, :description, :created_ms, :updated_ms)
ON CONFLICT (sid) DO UPDATE SET
    description = excluded.description, updated_ms = excluded.updated_ms;

-- delete_subscription: Drop a subscription.
DELETE FROM subscription WHERE sid = ?;

-- open_types: Types that are subscribed, in the order of each subscription.
SELECT subscription_sid, type, schema_version AS version, rank, from_position
FROM subscribed_type WHERE until_position IS NULL
ORDER BY subscription_sid, rank;

-- closed_types: Types that were subscribed, and whose events may still be on their way.
SELECT account_sid, type, sink_sid, schema_version AS version,
       from_position, until_position
FROM subscribed_type WHERE until_position IS NOT NULL
ORDER BY number;

-- open_type: Subscribe a type.
INSERT INTO subscribed_type
    (account_sid, sink_sid, subscription_sid, type, schema_version, rank,
     from_position)
VALUES
    (:account_sid, :sink_sid, :subscription_sid, :type, :version, :rank,
     :from_position);

-- close_type: End a type at a position; guarded: what is closed stays as it is.
UPDATE subscribed_type SET until_position = :position
WHERE subscription_sid = :subscription_sid AND type = :type
  AND until_position IS NULL;

-- close_types: End all types of a subscription at a position.
UPDATE subscribed_type SET until_position = :position
WHERE subscription_sid = :subscription_sid AND until_position IS NULL;

-- drop_empty: Drop closed types of a subscription that counted no event.
DELETE FROM subscribed_type
WHERE subscription_sid = ? AND until_position = from_position;

-- drop_settled: Drop closed types whose events are settled and need no version again.
DELETE FROM subscribed_type
WHERE until_position <= (
        SELECT position FROM bookmark
        WHERE bookmark.sink_sid = subscribed_type.sink_sid
    )
  AND NOT EXISTS (
        SELECT 1 FROM exception
        WHERE exception.sink_sid = subscribed_type.sink_sid
          AND exception.position > subscribed_type.from_position
          AND exception.position <= subscribed_type.until_position
    )
  AND NOT EXISTS (
        SELECT 1 FROM dead_letter
        WHERE dead_letter.sink_sid = subscribed_type.sink_sid
          AND dead_letter.position > subscribed_type.from_position
          AND dead_letter.position <= subscribed_type.until_position
    );

-- head: The newest position ever given to an event, 0 in a new log.
SELECT position FROM log_head;
