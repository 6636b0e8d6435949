-- settings: What every connection is set to. Syncs and checkpoints are made by
-- groups.py, off the event loop; NORMAL has SQLite make those that its own files need.
PRAGMA page_size = 8192;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 0;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA foreign_keys = ON;
PRAGMA busy_timeout = 5000;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -32768;

-- tables: The schema of a new database.

-- The event log. A position is never used twice: `log_head` has the newest. An id that
-- the log has given tells the position, and is in no index. `post` is the Voice SDK post
-- that the event came from, redacted; empty where there is none, it is kept apart, or not
-- any more.
CREATE TABLE event (
    position    INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    type        TEXT NOT NULL,
    source      TEXT NOT NULL,
    time        TEXT NOT NULL,
    call_sid    TEXT NOT NULL,
    accepted_ms INTEGER NOT NULL,
    data        BLOB NOT NULL,
    is_named    INTEGER NOT NULL DEFAULT 0,   -- by the log
    post        BLOB NOT NULL DEFAULT x''
);
CREATE UNIQUE INDEX event_by_id ON event (id) WHERE is_named = 0;

-- Up to where a sink is settled. Moves forward only.
CREATE TABLE bookmark (
    sink_sid TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;

-- Failed deliveries that wait for their next attempt.
CREATE TABLE exception (
    sink_sid    TEXT NOT NULL,
    position    INTEGER NOT NULL,
    call        TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    due_ms      INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL,
    code        INTEGER NOT NULL,
    detail      TEXT NOT NULL,
    http_status INTEGER,
    first_ms    INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,
    PRIMARY KEY (sink_sid, position)
) WITHOUT ROWID;
CREATE INDEX exception_by_due ON exception (sink_sid, due_ms);
CREATE INDEX exception_by_call ON exception (sink_sid, call);

-- Deliveries that were given up.
CREATE TABLE dead_letter (
    sid         TEXT PRIMARY KEY,
    sink_sid    TEXT NOT NULL,
    position    INTEGER NOT NULL,
    account_sid TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    call_sid    TEXT NOT NULL,
    code        INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    http_status INTEGER,
    last_answer TEXT NOT NULL,
    first_ms    INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX dead_letter_by_position ON dead_letter (sink_sid, position);
CREATE INDEX dead_letter_by_account ON dead_letter (account_sid, sid);
CREATE INDEX dead_letter_by_event ON dead_letter (event_id);

-- Replays of past events: what was asked for, and how far it is.
CREATE TABLE replay (
    sid  TEXT PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

-- Accounts and their API keys. Tokens and secrets are kept as they are: they sign.
CREATE TABLE account (
    sid        TEXT PRIMARY KEY,
    auth_token TEXT NOT NULL,
    name       TEXT NOT NULL DEFAULT '',
    suspended  INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    first      INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE api_key (
    sid         TEXT PRIMARY KEY,
    account_sid TEXT NOT NULL REFERENCES account (sid),
    secret      TEXT NOT NULL,
    name        TEXT NOT NULL DEFAULT '',
    created_ms  INTEGER NOT NULL,
    first       INTEGER NOT NULL DEFAULT 0   -- the first account's, made at a start
) WITHOUT ROWID;

-- Sinks, subscriptions, and from and up to where each subscribed type counts.
CREATE TABLE sink (
    sid           TEXT PRIMARY KEY,
    account_sid   TEXT NOT NULL,
    description   TEXT NOT NULL,
    sink_type     TEXT NOT NULL,
    configuration TEXT NOT NULL,
    status        TEXT NOT NULL,
    live          INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL,
    test_id       TEXT,
    policy        TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE subscription (
    sid         TEXT PRIMARY KEY,
    account_sid TEXT NOT NULL,
    sink_sid    TEXT NOT NULL,
    description TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE subscribed_type (
    number           INTEGER PRIMARY KEY,
    account_sid      TEXT NOT NULL,
    sink_sid         TEXT NOT NULL,
    subscription_sid TEXT NOT NULL,
    type             TEXT NOT NULL,
    schema_version   INTEGER NOT NULL,
    rank             INTEGER NOT NULL,
    from_position    INTEGER NOT NULL,
    until_position   INTEGER
);
CREATE INDEX subscribed_type_by_sink ON subscribed_type (sink_sid);
CREATE UNIQUE INDEX subscribed_type_once
    ON subscribed_type (subscription_sid, type) WHERE until_position IS NULL;

-- Calls, the callbacks they owe, and the requests of their life.
CREATE TABLE call (
    sid         TEXT PRIMARY KEY,
    account_sid TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    over        INTEGER NOT NULL,
    limit_ms    INTEGER,             -- when it must be answered, or over
    body        TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX call_alive ON call (limit_ms) WHERE over = 0;
CREATE INDEX call_by_account ON call (account_sid, created_ms);
CREATE INDEX call_over_by_age ON call (created_ms) WHERE over = 1;
CREATE TABLE callback (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    call_sid TEXT NOT NULL,
    host     TEXT NOT NULL,
    body     BLOB NOT NULL
);
CREATE TABLE call_event (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    call_sid TEXT NOT NULL,
    body     BLOB NOT NULL
);
CREATE INDEX call_event_by_call ON call_event (call_sid, number);

-- Voice SDK: which temporary call id is which call (a call without one is known as its
-- SID), posts that wait to be joined, and posts that name no call.
CREATE TABLE sdk_call (
    account_sid TEXT NOT NULL,
    known_as    TEXT NOT NULL,
    call_sid    TEXT NOT NULL,
    sticky      BLOB NOT NULL,
    seen_ms     INTEGER NOT NULL,
    PRIMARY KEY (account_sid, known_as)
) WITHOUT ROWID;
CREATE INDEX sdk_call_by_sid ON sdk_call (account_sid, call_sid);
CREATE INDEX sdk_call_by_age ON sdk_call (seen_ms);
CREATE TABLE held_event (
    number        INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    account_sid   TEXT NOT NULL,
    temp_call_sid TEXT NOT NULL,
    due_ms        INTEGER NOT NULL,
    body          BLOB NOT NULL
);
CREATE INDEX held_event_by_call ON held_event (account_sid, temp_call_sid);
CREATE TABLE unattached_post (
    number      INTEGER PRIMARY KEY,
    account_sid TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    body        BLOB NOT NULL
);

-- Notices of failing deliveries, for whoever looks later.
CREATE TABLE notice (
    number      INTEGER PRIMARY KEY,
    account_sid TEXT NOT NULL,
    sink_sid    TEXT NOT NULL,
    code        INTEGER NOT NULL,
    level       TEXT NOT NULL,
    message     TEXT NOT NULL,
    count       INTEGER NOT NULL,
    first_ms    INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,
    event_type  TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    http_status INTEGER
);
CREATE INDEX notice_by_account ON notice (account_sid, number);

-- Voice SDK: posts as they came, redacted, that are not in the row of their event: there
-- is none, it had to wait for its call, or is gone; ids of deliveries that must not count
-- twice; quality samples, and their roll-up per post. `call_id` is a call's SID or temporary
-- id, empty where a sample names none.
CREATE TABLE sdk_post (
    number      INTEGER PRIMARY KEY,
    account_sid TEXT NOT NULL,
    call_id     TEXT NOT NULL,
    event_id    TEXT,                -- of its event; none below the lowest level
    at_ms       INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    clock_skew  INTEGER NOT NULL,
    body        BLOB NOT NULL
);
CREATE INDEX sdk_post_by_age ON sdk_post (received_ms);
-- Up to where events have lost the posts in their rows, where those are kept for less time.
CREATE TABLE posts_dropped (upto INTEGER NOT NULL);
INSERT INTO posts_dropped VALUES (0);
CREATE TABLE sdk_delivery (
    account_sid TEXT NOT NULL,
    id          BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (account_sid, id)
) WITHOUT ROWID;
CREATE INDEX sdk_delivery_by_age ON sdk_delivery (received_ms);
CREATE TABLE sdk_sample (
    call_id     TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (call_id, account_sid, at_ms)
) WITHOUT ROWID;
CREATE INDEX sdk_sample_by_age ON sdk_sample (received_ms);
CREATE TABLE sdk_roll_up (
    call_id     TEXT NOT NULL,
    account_sid TEXT NOT NULL,
    first_ms    INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (call_id, account_sid, first_ms)
) WITHOUT ROWID;
CREATE INDEX sdk_roll_up_by_age ON sdk_roll_up (received_ms);
CREATE TABLE salt (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- How those who report calls that they make call them; and calls as they are listed.
CREATE TABLE call_leg (
    account_sid TEXT NOT NULL,
    leg         TEXT NOT NULL,
    call_sid    TEXT NOT NULL,
    PRIMARY KEY (account_sid, leg)
) WITHOUT ROWID;
CREATE INDEX call_leg_by_call ON call_leg (call_sid);
CREATE TRIGGER call_leg_goes_with_call AFTER DELETE ON call
BEGIN
    DELETE FROM call_leg WHERE call_sid = old.sid;
END;
CREATE VIEW call_as_listed AS SELECT
    account_sid, created_ms, sid, body,
    json_extract(body, '$.to') AS "to",
    json_extract(body, '$.from') AS "from",
    json_extract(body, '$.parent_call_sid') AS parent_call_sid,
    CASE
        WHEN json_extract(body, '$.state') <> 'initiated'
            THEN json_extract(body, '$.state')
        WHEN json_extract(body, '$.direction') = 'outbound-api' THEN 'queued'
        ELSE 'ringing'
    END AS status,
    coalesce(json_extract(body, '$.answered_ms'), json_extract(body, '$.dialled_ms'))
        AS started_ms,
    CASE json_extract(body, '$.state')
        WHEN 'completed' THEN json_extract(body, '$.ended_ms')
    END AS completed_ms
FROM call;

-- late_indexes: Where the events and the posts of a call are, and the log's head.

-- The newest position ever given to an event.
CREATE TABLE log_head (position INTEGER NOT NULL);
INSERT INTO log_head VALUES (0);

-- Calls have random ids: an index over them would be touched at another place by each
-- row of a commit, and cost a page for each. These are filled late, many rows at a
-- time, up to `late_index.upto`; the views have the rest as well.
CREATE TABLE late_index (
    name TEXT PRIMARY KEY,
    upto INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO late_index VALUES ('event', 0), ('sdk_post', 0);
CREATE TABLE event_of_call (
    call_sid TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (call_sid, position)
) WITHOUT ROWID;
CREATE VIEW event_by_call AS
    SELECT call_sid, position FROM event_of_call
    UNION ALL
    SELECT call_sid, position FROM event
    WHERE position > (SELECT upto FROM late_index WHERE name = 'event')
      AND call_sid <> '';
CREATE TRIGGER event_of_call_goes_with_event AFTER DELETE ON event
BEGIN
    DELETE FROM event_of_call
    WHERE call_sid = old.call_sid AND position = old.position;
END;
CREATE TABLE sdk_post_of_call (
    call_id TEXT NOT NULL,
    number  INTEGER NOT NULL,
    PRIMARY KEY (call_id, number)
) WITHOUT ROWID;
CREATE VIEW sdk_post_by_call AS
    SELECT call_id, number FROM sdk_post_of_call
    UNION ALL
    SELECT call_id, number FROM sdk_post
    WHERE number > (SELECT upto FROM late_index WHERE name = 'sdk_post');
CREATE TRIGGER sdk_post_of_call_goes_with_post AFTER DELETE ON sdk_post
BEGIN
    DELETE FROM sdk_post_of_call
    WHERE call_id = old.call_id AND number = old.number;
END;

-- account_blocks: Where the events of an account are, within 64 positions.

-- The blocks of positions (position >> 6) in which an account has events: all of them,
-- and no others. An index over accounts would be written for each event.
CREATE TABLE account_block (
    account_sid TEXT NOT NULL,
    block       INTEGER NOT NULL,
    PRIMARY KEY (account_sid, block)
) WITHOUT ROWID;

-- from_1: From the schema of version 1, which had these indexes kept with each row.
DROP INDEX event_by_call;
DROP INDEX sdk_post_by_call;

-- after_1: What version 1 had, as the new tables have it.
UPDATE log_head SET position =
    (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event');

-- after_2: Version 2 had indexes over accounts and over all ids, and all posts apart.
INSERT INTO account_block (account_sid, block)
SELECT DISTINCT account_sid, position >> 6 FROM event INDEXED BY event_by_account;
DROP INDEX event_by_account;
DROP INDEX event_by_id;
ALTER TABLE event ADD COLUMN is_named INTEGER NOT NULL DEFAULT 0;
ALTER TABLE event ADD COLUMN post BLOB NOT NULL DEFAULT x'';
CREATE UNIQUE INDEX event_by_id ON event (id) WHERE is_named = 0;
CREATE INDEX sdk_post_by_age ON sdk_post (received_ms);
CREATE TABLE posts_dropped (upto INTEGER NOT NULL);
INSERT INTO posts_dropped SELECT position FROM log_head;
