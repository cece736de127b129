-- What the benchmark wants besides what `fill.sql` makes. Runs as the superuser.
--
-- A role that row-level security does not bind, for servers that keep tenants apart themselves; two conversations of 60
-- messages for each of `bench.readers` users, the last in their lists to have been active and so the first; and a user
-- with 100 conversations of 100 messages. With triggers off, as in `fill.sql`, but only what the workloads read: the
-- feed and the sums do not know of these.
SET search_path = parley;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'parley_bench') THEN
        CREATE ROLE parley_bench LOGIN BYPASSRLS IN ROLE parley_runtime;
        ALTER ROLE parley_bench SET search_path = parley;
    END IF;
END
$$;

INSERT INTO users (user_id, id, email)
SELECT id, id, 'historian@example.org' FROM uuid7() AS id;

INSERT INTO sessions (user_id, device_id, refresh_hash, expires_at, ends_at)
SELECT user_id, 'device', '\x00', now() + interval '1 year', now() + interval '1 year'
FROM users
WHERE email = 'historian@example.org';

SET session_replication_role = replica;

CREATE TEMPORARY TABLE talk AS
SELECT
    user_id, uuid7() AS id, uuid7() AS last_message_id, title, size,
    timestamptz '2026-06-01 08:00Z' + number * interval '1 day' AS begins
FROM (
    SELECT user_id, 'Thread ' || n AS title, 60 AS size, n AS number
    FROM generate_series(1, current_setting('bench.readers')::integer) AS u
    JOIN users ON email = 'filled' || u || '@example.org'
    CROSS JOIN generate_series(1, 2) AS n
    UNION ALL
    SELECT user_id, 'History ' || n, 100, n
    FROM users
    CROSS JOIN generate_series(1, 100) AS n
    WHERE email = 'historian@example.org'
) AS t;

INSERT INTO conversations (
    user_id, id, title, provider, model, context_window, system_prompt, last_seq, message_count, last_message_id,
    last_message_at, active_at, active_since, created_at, updated_at, version)
SELECT
    user_id, id, title, 'openai', 'gpt-4o-mini', 8192, repeat('You are a helpful assistant. ', 20), size, size, last_message_id,
    begins + size * interval '20 seconds', begins + size * interval '20 seconds', begins + size * interval '20 seconds',
    begins, begins, 1
FROM talk;

INSERT INTO messages (user_id, id, conversation_id, seq, role, content, created_at, updated_at, version)
SELECT
    user_id, CASE WHEN n = size THEN last_message_id ELSE uuid7() END, id, n,
    CASE WHEN n % 2 = 0 THEN 'assistant' ELSE 'user' END, 'Message ' || n || repeat(' lorem ipsum dolor', 2 + n % 30),
    begins + n * interval '20 seconds', begins + n * interval '20 seconds', 1
FROM talk
CROSS JOIN LATERAL generate_series(1, size) AS n;

INSERT INTO known_tools (user_id, tool_name, version)
SELECT DISTINCT t.user_id, 'tool_' || n, 1
FROM talk AS t
CROSS JOIN generate_series(0, 4) AS n
WHERE NOT EXISTS (SELECT FROM known_tools AS k WHERE k.user_id = t.user_id);

INSERT INTO tool_executions (
    user_id, conversation_id, message_id, tool_name, known_tool_id, parameters, status, created_at, updated_at, version)
SELECT
    m.user_id, m.conversation_id, m.id, k.tool_name, k.id, jsonb_build_object('path', 'src/module_' || m.seq),
    'completed', m.created_at, m.created_at, 1
FROM messages AS m
JOIN talk AS t ON t.user_id = m.user_id AND t.id = m.conversation_id
JOIN known_tools AS k ON k.user_id = m.user_id AND k.tool_name = 'tool_' || m.seq % 5
WHERE m.seq % 4 = 0;

INSERT INTO usage_logs (
    user_id, conversation_id, message_id, provider, model, input_tokens, output_tokens, cost_usd, created_at, updated_at,
    version)
SELECT
    m.user_id, m.conversation_id, m.id, 'openai', 'gpt-4o-mini', 400 + m.seq, 50 + m.seq % 20,
    0.001 * (m.seq % 7 + 1), m.created_at, m.created_at, 1
FROM messages AS m
JOIN talk AS t ON t.user_id = m.user_id AND t.id = m.conversation_id
WHERE m.seq % 2 = 0;

DROP TABLE talk;
SET session_replication_role = origin;
RESET search_path;
