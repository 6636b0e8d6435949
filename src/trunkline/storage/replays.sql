-- save: Add a replay, or put it in the place of its former self.
INSERT INTO replay (sid, body) VALUES (?, ?)
ON CONFLICT (sid) DO UPDATE SET body = excluded.body;

-- all: Every replay, oldest first.
SELECT body FROM replay ORDER BY sid;

-- drop: Drop a replay that is over.
DELETE FROM replay WHERE sid = ?;
