-- Demo data for GraphiQL's examples. `parley demo` sets app.user_id and app.password_hash, and runs this file as the runtime
-- role in one transaction. The ids are fixed, so that the examples can name them.

INSERT INTO users (user_id, id, email, full_name)
VALUES (tenant(), tenant(), 'demo@parley.example', 'Ada Demo');

SELECT login_create('demo@parley.example', 'demo', current_setting('app.password_hash'));

INSERT INTO conversations (user_id, id, title, provider, model, system_prompt, is_pinned, folder, created_at)
VALUES
    (tenant(), '01980000-0000-7000-8000-000000000004', 'A haiku about tests', 'openai', 'gpt-4o-mini',
        NULL, false, NULL, now() - interval '9 days'),
    (tenant(), '01980000-0000-7000-8000-000000000003', 'Names for a sailing boat', 'openai', 'gpt-4o-mini',
        NULL, false, 'Leisure', now() - interval '6 days'),
    (tenant(), '01980000-0000-7000-8000-000000000002', 'Why is my query slow?', 'anthropic', 'claude-sonnet-4-5',
        'You are a patient database expert.', false, 'Work', now() - interval '1 day'),
    (tenant(), '01980000-0000-7000-8000-000000000001', 'Plan the release of Parley', 'anthropic', 'claude-sonnet-4-5',
        'You are a careful release engineer. Ask before you change anything.', true, 'Work', now() - interval '1 hour');

INSERT INTO messages (
    user_id, id, conversation_id, role, content, token_count, model, finish_reason, processing_ms, created_at)
VALUES
    (tenant(), '01980000-0000-7000-8000-000000000401', '01980000-0000-7000-8000-000000000004', 'user',
        'Write a haiku about tests.', 8, NULL, NULL, NULL, now() - interval '9 days'),
    (tenant(), '01980000-0000-7000-8000-000000000402', '01980000-0000-7000-8000-000000000004', 'assistant',
        'Green lights in a row; one red lantern in the dark shows where the path bends.', 19, 'gpt-4o-mini', 'stop', 510,
        now() - interval '9 days' + interval '1 second'),
    (tenant(), '01980000-0000-7000-8000-000000000301', '01980000-0000-7000-8000-000000000003', 'user',
        'Suggest three names for a small sailing boat.', 11, NULL, NULL, NULL,
        now() - interval '6 days'),
    (tenant(), '01980000-0000-7000-8000-000000000302', '01980000-0000-7000-8000-000000000003', 'assistant',
        'Halcyon, Second Wind, and Parley.', 10, 'gpt-4o-mini', 'stop', 640,
        now() - interval '6 days' + interval '1 second'),
    (tenant(), '01980000-0000-7000-8000-000000000201', '01980000-0000-7000-8000-000000000002', 'user',
        'This query takes four seconds. What should I look at first?', 14, NULL, NULL, NULL,
        now() - interval '1 day'),
    (tenant(), '01980000-0000-7000-8000-000000000202', '01980000-0000-7000-8000-000000000002', 'assistant',
        'At its plan. Run it with EXPLAIN (ANALYZE, BUFFERS) and look for the node that reads most.', 24,
        'claude-sonnet-4-5', 'stop', 1210, now() - interval '1 day' + interval '2 seconds'),
    (tenant(), '01980000-0000-7000-8000-000000000101', '01980000-0000-7000-8000-000000000001', 'user',
        'Is everything ready to release?', 7, NULL, NULL, NULL, now() - interval '1 hour'),
    (tenant(), '01980000-0000-7000-8000-000000000102', '01980000-0000-7000-8000-000000000001', 'assistant',
        'I will look at the tests and the open changes first.', 13, 'claude-sonnet-4-5', 'tool_use', 980,
        now() - interval '1 hour' + interval '2 seconds');

SELECT set_config('app.actor', 'agent', true);
INSERT INTO tool_executions (user_id, id, conversation_id, message_id, tool_name, parameters)
VALUES
    (tenant(), '01980000-0000-7000-8000-0000000000e0', '01980000-0000-7000-8000-000000000001',
        '01980000-0000-7000-8000-000000000102', 'run_tests', '{"suite": "all"}'),
    (tenant(), '01980000-0000-7000-8000-0000000000e1', '01980000-0000-7000-8000-000000000001',
        '01980000-0000-7000-8000-000000000102', 'publish_release', '{"version": "1.0.0"}'),
    (tenant(), '01980000-0000-7000-8000-0000000000e2', '01980000-0000-7000-8000-000000000001',
        '01980000-0000-7000-8000-000000000102', 'delete_branch', '{"branch": "main"}'),
    (tenant(), '01980000-0000-7000-8000-0000000000e3', '01980000-0000-7000-8000-000000000001',
        '01980000-0000-7000-8000-000000000102', 'announce_release', '{"channel": "#releases"}');

SELECT set_config('app.actor', 'user', true);
UPDATE tool_executions SET status = 'approved'
WHERE user_id = tenant() AND id = '01980000-0000-7000-8000-0000000000e0';
UPDATE tool_executions SET status = 'cancelled', status_reason = 'Certainly not.'
WHERE user_id = tenant() AND id = '01980000-0000-7000-8000-0000000000e2';
SELECT set_config('app.actor', 'agent', true);
UPDATE tool_executions SET status = 'executing'
WHERE user_id = tenant() AND id = '01980000-0000-7000-8000-0000000000e0';
UPDATE tool_executions SET status = 'completed', result = '{"passed": 412, "failed": 0}'
WHERE user_id = tenant() AND id = '01980000-0000-7000-8000-0000000000e0';

INSERT INTO messages (user_id, id, conversation_id, parent_id, role, content, token_count, model, finish_reason)
VALUES
    (tenant(), '01980000-0000-7000-8000-000000000103', '01980000-0000-7000-8000-000000000001',
        '01980000-0000-7000-8000-000000000102', 'assistant',
        'All 412 tests pass. May I publish version 1.0.0?', 15, 'claude-sonnet-4-5', 'stop');

INSERT INTO context_optimizations (
    user_id, id, conversation_id, trigger_reason, optimization_type, tokens_before, tokens_after, summary)
VALUES
    (tenant(), '01980000-0000-7000-8000-0000000000c1', '01980000-0000-7000-8000-000000000001',
        'token_limit', 'summarization', 7600, 1900, 'The user prepares a release; the tests pass.');
INSERT INTO context_optimization_messages (user_id, context_optimization_id, message_id, seq)
VALUES (tenant(), '01980000-0000-7000-8000-0000000000c1', '01980000-0000-7000-8000-000000000101', 1);

INSERT INTO usage_logs (
    user_id, conversation_id, message_id, provider, model, input_tokens, output_tokens, cost_usd, created_at)
SELECT
    tenant(), m.conversation_id, m.id, c.provider, m.model, 400 + 10 * m.token_count, m.token_count,
    round((400 + 10 * m.token_count) * 0.000003 + m.token_count * 0.000015, 6),
    m.created_at
FROM messages AS m
JOIN conversations AS c ON c.user_id = m.user_id AND c.id = m.conversation_id
WHERE m.user_id = tenant() AND m.role = 'assistant';

SELECT set_config('app.actor', 'user', true);
INSERT INTO tags (user_id, id, name, type, color, description)
VALUES
    (tenant(), '01980000-0000-7000-8000-0000000000a1', 'Parley', 'area', '#2563eb', 'All that concerns the gateway.'),
    (tenant(), '01980000-0000-7000-8000-0000000000a2', 'PostgreSQL', 'resource', '#16a34a', NULL),
    (tenant(), '01980000-0000-7000-8000-0000000000a3', 'ideas', 'label', '#d97706', NULL);
SELECT change_conversation_tags(conversation_id, ids, 'add')
FROM (VALUES
    ('01980000-0000-7000-8000-000000000001'::uuid,
        '{01980000-0000-7000-8000-0000000000a1,01980000-0000-7000-8000-0000000000a2}'::uuid[]),
    ('01980000-0000-7000-8000-000000000002', '{01980000-0000-7000-8000-0000000000a2}'),
    ('01980000-0000-7000-8000-000000000003', '{01980000-0000-7000-8000-0000000000a3}')
) AS t (conversation_id, ids);

INSERT INTO message_feedback (user_id, id, message_id, type, comment, reasons)
VALUES
    (tenant(), '01980000-0000-7000-8000-0000000000f1', '01980000-0000-7000-8000-000000000103', 'positive',
        'Right to ask before publishing.', '["careful"]');
INSERT INTO message_reactions (user_id, id, message_id, emoji)
VALUES (tenant(), '01980000-0000-7000-8000-0000000000b1', '01980000-0000-7000-8000-000000000102', '👍');

UPDATE conversations SET deleted_at = now()
WHERE user_id = tenant() AND id = '01980000-0000-7000-8000-000000000004';
