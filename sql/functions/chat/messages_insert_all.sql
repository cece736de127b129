-- Inserts messages in the order of the array, like messages_enter for one: numbers them, adds them to the sums of their
-- conversations, and appends all changes to the feed. A message that leaves a column out, or sets it to null, gets its
-- default. The parent of a message may come before it in the array.
CREATE OR REPLACE FUNCTION messages_insert_all(proposed jsonb) RETURNS SETOF messages LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    first_version bigint;
    since timestamptz;
    touched bigint := (SELECT count(DISTINCT one ->> 'conversation_id') FROM jsonb_array_elements(proposed) AS one);
    latest uuid := proposed -> -1 ->> 'conversation_id';
    made messages[];
BEGIN
    UPDATE feeds
    SET version = version + jsonb_array_length(proposed) + touched,
        latest_since = CASE
            WHEN touched = 1 AND latest_conversation_id = latest THEN latest_since
            -- Conversations that become active together differ by a microsecond.
            ELSE greatest(at, latest_since) + touched * interval '1 microsecond' END,
        latest_conversation_id = latest
    WHERE user_id = tenant()
    RETURNING version - jsonb_array_length(proposed) - touched, latest_since INTO first_version, since;
    IF first_version IS NULL THEN
        PERFORM feed_missing(tenant());
    END IF;
    WITH new AS MATERIALIZED (
        SELECT
            r.*, coalesce(id, uuid7()) AS new_id, at + (ordinality - 1) * interval '1 microsecond' AS created,
            row_number() OVER (PARTITION BY conversation_id ORDER BY ordinality) AS number
        FROM jsonb_populate_recordset(NULL::messages, proposed) WITH ORDINALITY AS r
    ), sums AS (
        SELECT
            conversation_id, count(*) AS messages, sum(token_count) AS tokens, count(processing_ms) AS responses,
            sum(processing_ms) AS milliseconds, max(created) AS last_created,
            (array_agg(new_id ORDER BY ordinality DESC))[1] AS last_id,
            row_number() OVER (ORDER BY max(ordinality)) AS number
        FROM new
        GROUP BY conversation_id
    ), entered AS (
        -- None of these columns fires the feed's triggers, and only `active_since` is indexed.
        UPDATE conversations AS c
        SET last_seq = last_seq + s.messages,
            message_count = message_count + s.messages,
            last_message_id = s.last_id,
            last_message_at = s.last_created,
            active_at = s.last_created,
            active_since = since - (touched - s.number) * interval '1 microsecond',
            message_tokens = message_tokens + coalesce(s.tokens, 0),
            response_count = response_count + s.responses,
            response_ms = response_ms + coalesce(s.milliseconds, 0),
            updated_at = at,
            version = first_version + s.number
        FROM sums AS s
        WHERE c.user_id = tenant() AND c.id = s.conversation_id AND c.deleted_at IS NULL
        RETURNING c.id, c.last_seq - s.messages AS last_seq, c.version
    ), told AS (
        INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
        SELECT tenant(), version, 'conversations', id, 'update', '{}', at
        FROM entered
    ), inserted AS (
        INSERT INTO messages AS m (
            user_id, id, conversation_id, seq, parent_id, role, content, status, token_count, model, finish_reason,
            processing_ms, relevance_score, images, files, provider_metadata, created_at, updated_at, version,
            request_hash)
        SELECT
            tenant(), new.new_id, new.conversation_id, entered.last_seq + new.number, new.parent_id,
            new.role, new.content, coalesce(new.status, 'complete'), new.token_count, new.model, new.finish_reason,
            new.processing_ms, new.relevance_score, coalesce(new.images, '[]'), coalesce(new.files, '[]'),
            coalesce(new.provider_metadata, '{}'), new.created, at, first_version + touched + new.ordinality,
            new.request_hash
        FROM new
        -- A message without a conversation gets no number, and messages_enter() refuses it.
        LEFT JOIN entered ON entered.id = new.conversation_id
        ORDER BY new.ordinality
        RETURNING m
    )
    SELECT array_agg(m) INTO made FROM inserted;
    INSERT INTO changes (user_id, version, entity, entity_id, op, data, at)
    SELECT tenant(), m.version, 'messages', m.id, 'insert', jsonb_build_object('conversation_id', m.conversation_id), at
    FROM unnest(made) AS m;
    IF EXISTS (
        SELECT FROM unnest(made) AS m
        WHERE m.parent_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM messages AS p
            WHERE p.user_id = m.user_id AND p.conversation_id = m.conversation_id AND p.id = m.parent_id
                AND p.deleted_at IS NULL AND p.version < m.version)
    ) THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'messages_parent_id_exists', TABLE = 'messages',
            MESSAGE = 'the parent does not exist or is deleted';
    END IF;
    INSERT INTO leases (user_id, work_id, kind, length, until)
    SELECT m.user_id, m.id, 'messages', lease_length(), at + lease_length()
    FROM unnest(made) AS m
    WHERE m.status = 'streaming';
    UPDATE conversations AS c
    SET is_archived = true, is_auto_archived = true
    WHERE c.user_id = tenant() AND c.id IN (SELECT conversation_id FROM unnest(made))
        AND c.message_count > c.max_messages AND NOT c.is_archived;
    RETURN QUERY SELECT * FROM unnest(made);
END
$$;
GRANT EXECUTE ON FUNCTION messages_insert_all(jsonb) TO parley_runtime;
