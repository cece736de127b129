-- Those who listen and write in the live benchmark: `bench.people` users, each with a session and a conversation. Runs as
-- the superuser, with triggers on.
SET search_path = parley;

INSERT INTO users (user_id, id, email)
SELECT id, id, 'live' || n || '@example.org'
FROM generate_series(1, current_setting('bench.people')::integer) AS n
CROSS JOIN LATERAL (SELECT uuid7() AS id WHERE n > 0) AS made;

INSERT INTO sessions (user_id, device_id, refresh_hash, expires_at, ends_at)
SELECT user_id, 'device', '\x00', now() + interval '1 year', now() + interval '1 year'
FROM users
WHERE email LIKE 'live%@example.org';

INSERT INTO conversations (user_id, title)
SELECT user_id, 'Live'
FROM users
WHERE email LIKE 'live%@example.org';

RESET search_path;
