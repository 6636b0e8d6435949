-- index_events: Note where the newest events of calls are.
INSERT INTO event_of_call (call_sid, position)
SELECT call_sid, position FROM event
WHERE position > (SELECT upto FROM late_index WHERE name = 'event') AND call_sid <> ''
ORDER BY call_sid, position;

-- events_indexed: Note up to where that is done.
UPDATE late_index SET upto = (SELECT position FROM log_head) WHERE name = 'event';

-- index_posts: Note where the newest posts of calls are.
INSERT INTO sdk_post_of_call (call_id, number)
SELECT call_id, number FROM sdk_post
WHERE number > (SELECT upto FROM late_index WHERE name = 'sdk_post')
ORDER BY call_id, number;

-- posts_indexed: Note up to where that is done.
UPDATE late_index SET upto = (SELECT coalesce(max(number), 0) FROM sdk_post)
WHERE name = 'sdk_post';
