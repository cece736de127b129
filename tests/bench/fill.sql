-- A large data set, as if its users had used Parley for some weeks. Runs as the superuser with triggers off, so it writes
-- what they would have written: the sums, the histories and the feed, without gaps.
--
-- `fill.users`, `fill.conversations` (of a user) and `fill.messages` (of a conversation, a multiple of four) say how much.
-- Every second message is an answer and has a line in the usage log; every fourth asks for a tool. Users write at the same
-- time, so the rows of a conversation lie scattered over their table.
SET search_path = parley;
SET session_replication_role = replica;

-- UUIDv7 of a time; `kind` and `serial` make it unique and known in advance.
CREATE FUNCTION pg_temp.id_at(at timestamptz, kind integer, serial bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
        || '8' || lpad(to_hex(serial), 15, '0'))::uuid
$$;
CREATE FUNCTION pg_temp.size(name text) RETURNS integer LANGUAGE sql STABLE
AS $$ SELECT current_setting('fill.' || name)::integer $$;

-- One conversation of a user each day, that begins in the morning.
CREATE TEMPORARY TABLE talk AS
SELECT
    u, c, user_id, begins,
    pg_temp.id_at(begins, 2, u * 1000 + c) AS id,
    -- What comes before it in the user's feed: the user, three sessions, and the conversations before it, of which every
    -- tenth has a tool that still waits and so three moves less.
    4 + (c - 1) * most - 3 * ((c - 1) / 10) AS version,
    most - 3 * (c % 10 = 0)::integer AS size
FROM (
    SELECT
        u, c,
        pg_temp.id_at(timestamptz '2026-01-01 00:00Z', 1, u) AS user_id,
        timestamptz '2026-01-01 08:00Z' + c * interval '1 day' + u * interval '1 second' AS begins,
        -- Itself, its messages, their usage, their tools with four moves, and an optimization of five messages.
        1 + m + m / 2 + m / 4 * 5 + 6 AS most
    FROM pg_temp.size('messages') AS m, generate_series(1, pg_temp.size('users')) AS u,
        generate_series(1, pg_temp.size('conversations')) AS c
) AS t;
CREATE TEMPORARY TABLE turn AS
SELECT
    t.u, t.c, n, t.user_id, t.id AS conversation_id, at,
    pg_temp.id_at(at, 3, t.u * 1000000 + t.c * 1000 + n) AS id,
    t.version + 1 + n + (n - 1) / 2 + (n - 1) / 4 * 5 AS version
FROM talk AS t
CROSS JOIN generate_series(1, pg_temp.size('messages')) AS n
CROSS JOIN LATERAL (SELECT t.begins + n * interval '20 seconds') AS a (at)
ORDER BY t.c, n, t.u;
ANALYZE talk, turn;

INSERT INTO users (user_id, id, email, full_name, created_at, updated_at, version)
SELECT DISTINCT user_id, user_id, 'filled' || u || '@example.org', 'User ' || u,
    timestamptz '2026-01-01 00:00Z', timestamptz '2026-01-01 00:00Z', 1
FROM talk;

INSERT INTO sessions (
    user_id, id, device_id, refresh_hash, last_used_at, expires_at, ends_at, created_at, updated_at, version)
SELECT user_id, pg_temp.id_at(created_at, 4, n), 'device ' || n, '\x00', created_at + n * interval '1 hour',
    created_at + interval '1 year', created_at + interval '2 years', created_at, created_at, 1 + n
FROM users, generate_series(1, 3) AS n;

INSERT INTO user_settings (user_id, created_at, updated_at, version)
SELECT user_id, created_at, updated_at, 1 FROM users;
INSERT INTO auto_approval_settings (user_id, created_at, updated_at, version)
SELECT user_id, created_at, updated_at, 1 FROM users;

INSERT INTO conversations (
    user_id, id, title, provider, model, context_window, system_prompt, is_pinned, is_archived, folder, last_seq,
    message_count, last_message_id, last_message_at, active_at, active_since, message_tokens, response_count, response_ms, usage_requests, usage_input_tokens,
    usage_output_tokens, usage_cost_usd, created_at, updated_at, deleted_at, version)
SELECT
    t.user_id, t.id, 'Talk ' || t.c || ' of user ' || t.u, 'openai', 'gpt-4o-mini', 8192,
    repeat('You are a helpful assistant. ', 20), t.c % 17 = 0,
    t.c % 9 = 0, CASE WHEN t.c % 3 = 0 THEN 'Work' END, s.turns, s.turns, l.id, l.at, l.at, l.at, s.tokens, s.turns / 2,
    s.milliseconds, s.turns / 2, s.input, s.output, s.cost, t.begins, l.at,
    CASE WHEN t.c % 19 = 0 THEN l.at END, t.version + 1
FROM talk AS t
CROSS JOIN (
    SELECT
        count(*) AS turns, sum(5 + n % 50) AS tokens, sum(200 + n) FILTER (WHERE n % 2 = 0) AS milliseconds,
        sum(400 + n) FILTER (WHERE n % 2 = 0) AS input, sum(50 + n % 20) FILTER (WHERE n % 2 = 0) AS output,
        sum(0.001 * (n % 7 + 1)) FILTER (WHERE n % 2 = 0) AS cost
    FROM generate_series(1, pg_temp.size('messages')) AS n
) AS s
JOIN turn AS l ON l.user_id = t.user_id AND l.conversation_id = t.id AND l.n = s.turns
ORDER BY t.c, t.u;

INSERT INTO messages (
    user_id, id, conversation_id, seq, parent_id, role, content, token_count, model, finish_reason, processing_ms,
    created_at, updated_at, version)
SELECT
    user_id, id, conversation_id, n,
    CASE WHEN n % 12 = 5 THEN pg_temp.id_at(at - interval '20 seconds', 3, u * 1000000 + c * 1000 + n - 1) END,
    CASE WHEN n % 2 = 0 THEN 'assistant' ELSE 'user' END,
    'Message ' || n || repeat(' lorem ipsum dolor', 2 + n % 30), 5 + n % 50,
    CASE WHEN n % 2 = 0 THEN 'gpt-4o-mini' END, CASE WHEN n % 2 = 0 THEN 'stop' END,
    CASE WHEN n % 2 = 0 THEN 200 + n END, at, at, version
FROM turn;

INSERT INTO usage_logs (
    user_id, conversation_id, message_id, provider, model, input_tokens, output_tokens, cost_usd, created_at, updated_at,
    version)
SELECT user_id, conversation_id, id, 'openai', 'gpt-4o-mini', 400 + n, 50 + n % 20, 0.001 * (n % 7 + 1), at, at, version + 1
FROM turn
WHERE n % 2 = 0;

INSERT INTO usage_days (
    user_id, day, requests, conversations, input_tokens, output_tokens, cost_usd, created_at, updated_at, version)
SELECT t.user_id, (t.begins AT TIME ZONE 'UTC')::date, c.usage_requests, 1, c.usage_input_tokens, c.usage_output_tokens,
    c.usage_cost_usd, t.begins, c.active_at, t.last + t.c
FROM (SELECT *, max(version + size) OVER (PARTITION BY user_id) AS last FROM talk) AS t
JOIN conversations AS c ON c.user_id = t.user_id AND c.id = t.id;

INSERT INTO usage_day_parts (
    user_id, day, provider, model, automation, purpose, api_key_id, used_own_api_key, requests, input_tokens,
    output_tokens, cached_input_tokens, cache_write_input_tokens, reasoning_tokens, cost_usd)
SELECT user_id, day, 'openai', 'gpt-4o-mini', '', '', '00000000-0000-0000-0000-000000000000', false, requests,
    input_tokens, output_tokens, 0, 0, 0, cost_usd
FROM usage_days;

INSERT INTO usage_quarter_hours (
    user_id, begins_at, requests, input_tokens, output_tokens, cached_input_tokens, cache_write_input_tokens,
    reasoning_tokens, cost_usd)
SELECT user_id, date_bin('15 minutes', created_at, 'epoch'), count(*), sum(input_tokens), sum(output_tokens), 0, 0, 0,
    sum(cost_usd)
FROM usage_logs
GROUP BY 1, 2;

CREATE TEMPORARY TABLE tool AS
SELECT
    *, pg_temp.id_at(at, 4, u * 1000000 + c * 1000 + n) AS execution_id,
    c % 10 = 0 AND n = pg_temp.size('messages') AS is_pending,
    CASE WHEN n % 40 = 0 THEN 'failed' ELSE 'completed' END AS outcome
FROM turn
WHERE n % 4 = 0;

INSERT INTO known_tools (user_id, tool_name, first_approved_at, created_at, updated_at, version)
SELECT user_id, 'tool_' || n, created_at, created_at, created_at, 1 FROM users, generate_series(0, 4) AS n;

INSERT INTO tool_executions (
    user_id, id, conversation_id, message_id, tool_name, known_tool_id, parameters, result, status, approval_reason,
    approval_requested_at, approved_at, executed_at, completed_at, execution_time_ms, created_at, updated_at, version)
SELECT
    t.user_id, execution_id, conversation_id, t.id, k.tool_name, k.id, jsonb_build_object('path', 'src/module_' || n),
    CASE WHEN NOT is_pending THEN jsonb_build_object('lines', n) END,
    CASE WHEN is_pending THEN 'pending' ELSE outcome END, CASE WHEN NOT is_pending THEN 'person' END, at,
    CASE WHEN NOT is_pending THEN at + interval '1 second' END,
    CASE WHEN NOT is_pending THEN at + interval '2 seconds' END,
    CASE WHEN NOT is_pending THEN at + interval '3 seconds' END,
    CASE WHEN NOT is_pending THEN 1000 END, at, at, t.version + CASE WHEN is_pending THEN 3 ELSE 6 END
FROM tool AS t
JOIN known_tools AS k ON k.user_id = t.user_id AND k.tool_name = 'tool_' || t.n % 5;

UPDATE known_tools AS k
SET proposed = t.proposed, completed = t.completed, failed = t.failed, total_ms = t.total_ms
FROM (
    SELECT
        user_id, known_tool_id, count(*) AS proposed, count(*) FILTER (WHERE status = 'completed') AS completed,
        count(*) FILTER (WHERE status = 'failed') AS failed, coalesce(sum(execution_time_ms), 0) AS total_ms
    FROM tool_executions
    GROUP BY user_id, known_tool_id
) AS t
WHERE k.user_id = t.user_id AND k.id = t.known_tool_id;

INSERT INTO tool_transitions (
    user_id, tool_execution_id, conversation_id, from_status, to_status, actor, created_at, updated_at, version)
SELECT
    user_id, execution_id, conversation_id, (ARRAY[NULL, 'pending', 'approved', 'executing'])[s],
    (ARRAY['pending', 'approved', 'executing', outcome])[s], (ARRAY['agent', 'user', 'agent', 'agent'])[s],
    at + (s - 1) * interval '1 second', at + (s - 1) * interval '1 second', version + 1 + s
FROM tool, generate_series(1, CASE WHEN is_pending THEN 1 ELSE 4 END) AS s;

INSERT INTO context_optimizations (
    user_id, conversation_id, trigger_reason, optimization_type, tokens_before, tokens_after, summary, created_at,
    updated_at, version)
SELECT l.user_id, t.id, 'token_limit', 'summarization', 7600, 1900, 'What was said before.', l.at, l.at, t.version + t.size - 5
FROM talk AS t
JOIN turn AS l ON l.user_id = t.user_id AND l.conversation_id = t.id AND l.n = pg_temp.size('messages');

INSERT INTO context_optimization_messages (user_id, context_optimization_id, message_id, seq, version)
SELECT o.user_id, o.id, m.id, m.seq, o.version + m.seq
FROM context_optimizations AS o
JOIN messages AS m ON m.user_id = o.user_id AND m.conversation_id = o.conversation_id AND m.seq <= 5;

INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
SELECT user_id, version, entity, id, 'insert', data, updated_at
FROM (
    SELECT user_id, version, 'users' AS entity, id, jsonb '{}' AS data, updated_at FROM users
    UNION ALL SELECT user_id, version, 'sessions', id, '{}', updated_at FROM sessions
    UNION ALL SELECT user_id, version, 'conversations', id, '{}', updated_at FROM conversations
    UNION ALL SELECT user_id, version, 'messages', id,
        jsonb_build_object('conversation_id', conversation_id), updated_at FROM messages
    UNION ALL SELECT user_id, version, 'tool_executions', id,
        jsonb_build_object('conversation_id', conversation_id, 'status', status), updated_at FROM tool_executions
    UNION ALL SELECT user_id, version, 'tool_transitions', id,
        jsonb_build_object('conversation_id', conversation_id, 'tool_execution_id', tool_execution_id,
            'from_status', from_status, 'to_status', to_status), updated_at FROM tool_transitions
    UNION ALL SELECT user_id, version, 'context_optimizations', id,
        jsonb_build_object('conversation_id', conversation_id), updated_at FROM context_optimizations
    UNION ALL SELECT l.user_id, l.version, 'context_optimization_messages', l.id,
        jsonb_build_object('context_optimization_id', context_optimization_id, 'message_id', message_id), o.updated_at
        FROM context_optimization_messages AS l
        JOIN context_optimizations AS o ON o.user_id = l.user_id AND o.id = l.context_optimization_id
    UNION ALL SELECT user_id, version, 'usage_logs', id,
        jsonb_build_object('conversation_id', conversation_id), updated_at FROM usage_logs
    UNION ALL SELECT user_id, version, 'usage_days', id, '{}', updated_at FROM usage_days
) AS c
ORDER BY updated_at;

INSERT INTO feeds (user_id, version)
SELECT user_id, max(version) FROM changes GROUP BY user_id;

DROP TABLE tool, turn, talk;
SET session_replication_role = origin;
RESET search_path;
ANALYZE;
