-- The lease of a message and that of a tool are two, also where a client gave both the same id. Work that a rule keeps
-- from ending holds up no other.

ALTER TABLE leases DROP CONSTRAINT leases_pkey, ADD PRIMARY KEY (user_id, work_id, kind);

-- Renews the lease of the caller's tool execution, and says whether it is still in progress.
CREATE OR REPLACE FUNCTION lease_renew(owner_id uuid, working_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    UPDATE leases SET until = clock_timestamp() + length
    WHERE user_id = owner_id AND user_id = tenant() AND work_id = working_id AND kind = 'tool_executions';
    RETURN FOUND;
END
$$;

-- Renews the lease of a message whose growth the caller has locked, unless it has been lately.
CREATE OR REPLACE FUNCTION message_renew(owner_id uuid, growing_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    allowed interval;
BEGIN
    PERFORM FROM message_growths AS g
    WHERE g.user_id = owner_id AND g.message_id = growing_id AND g.renew_at < clock_timestamp();
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE leases AS l SET until = clock_timestamp() + l.length
    WHERE l.user_id = owner_id AND l.work_id = growing_id AND l.kind = 'messages'
    RETURNING l.length INTO allowed;
    UPDATE message_growths AS g SET renew_at = clock_timestamp() + allowed / 4
    WHERE g.user_id = owner_id AND g.message_id = growing_id AND allowed IS NOT NULL;
END
$$;

-- However a message ends, what has grown goes into its row, and its lease goes. One that is deleted while it grows is
-- cancelled by that. One whose text is replaced while it grows shows that somebody works on it.
CREATE OR REPLACE FUNCTION messages_gather() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NEW.deleted_at IS NOT NULL AND NEW.status = 'streaming' THEN
        NEW.status := 'cancelled';
    END IF;
    -- Waits for an append that is under way, so that what follows sees all of it.
    PERFORM FROM message_growths AS g
    WHERE g.user_id = OLD.user_id AND g.message_id = OLD.id
    FOR UPDATE;
    IF FOUND THEN
        IF NEW.content <> OLD.content THEN
            RAISE check_violation USING CONSTRAINT = 'messages_content_growing', TABLE = 'messages',
                MESSAGE = 'this message grows by what is appended: its content can be changed when it has ended';
        END IF;
        IF NEW.status <> 'streaming' THEN
            NEW.content := content_so_far(OLD);
            DELETE FROM message_growths AS g WHERE g.user_id = OLD.user_id AND g.message_id = OLD.id;
        END IF;
    END IF;
    IF NEW.status = 'streaming' THEN
        UPDATE leases AS l SET until = clock_timestamp() + l.length
        WHERE l.user_id = OLD.user_id AND l.work_id = OLD.id AND l.kind = 'messages';
    ELSE
        DELETE FROM leases AS l WHERE l.user_id = OLD.user_id AND l.work_id = OLD.id AND l.kind = 'messages';
    END IF;
    RETURN NEW;
END
$$;

-- A tool has a lease from its start to its end.
CREATE OR REPLACE FUNCTION tool_executions_lease() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NEW.status = 'executing' THEN
        INSERT INTO leases (user_id, work_id, kind, length, until)
        VALUES (NEW.user_id, NEW.id, 'tool_executions', lease_length(), clock_timestamp() + lease_length());
    ELSIF OLD.status = 'executing' THEN
        DELETE FROM leases AS l
        WHERE l.user_id = NEW.user_id AND l.work_id = NEW.id AND l.kind = 'tool_executions';
    END IF;
    RETURN NULL;
END
$$;

-- Ends the abandoned work of one user as failed, and says what it ended: nothing when there is none, or none whose user
-- is not writing at this moment. Any number of processes may call it at once: each takes another user.
CREATE OR REPLACE FUNCTION end_abandoned_work() RETURNS TABLE (ended_user_id uuid, ended_kind text, ended_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    caller CONSTANT jsonb := jsonb_object_agg(name, coalesce(current_setting(name, true), ''))
        FROM unnest(ARRAY['app.user_id', 'app.session_id', 'app.actor']) AS s (name);
    at timestamptz := clock_timestamp();
    lease leases;
    reason text;
BEGIN
    SELECT f.user_id INTO ended_user_id
    FROM leases AS l
    JOIN feeds AS f ON f.user_id = l.user_id
    WHERE l.until < at
    ORDER BY l.until
    LIMIT 1
    FOR UPDATE OF f SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Nobody's device and nobody's agent: the system does this.
    PERFORM set_config(name, CASE name WHEN 'app.user_id' THEN ended_user_id::text ELSE '' END, true)
    FROM jsonb_object_keys(caller) AS name;
    FOR lease IN
        SELECT l.* FROM leases AS l
        WHERE l.user_id = ended_user_id AND l.until < at
        ORDER BY l.work_id, l.kind
        LIMIT 100
    LOOP
        -- An append may be under way. What it renews is not ended.
        PERFORM FROM messages AS m WHERE m.user_id = ended_user_id AND m.id = lease.work_id FOR NO KEY UPDATE;
        PERFORM FROM message_growths AS g
        WHERE g.user_id = ended_user_id AND g.message_id = lease.work_id
        FOR UPDATE;
        BEGIN
            DELETE FROM leases AS l
            WHERE l.user_id = ended_user_id AND l.work_id = lease.work_id AND l.kind = lease.kind AND l.until < at;
            CONTINUE WHEN NOT FOUND;
            ended_kind := lease.kind;
            ended_id := lease.work_id;
            IF ended_kind = 'messages' THEN
                UPDATE messages AS m SET status = 'failed', finish_reason = 'lease_expired'
                WHERE m.user_id = ended_user_id AND m.id = ended_id AND m.status = 'streaming';
            ELSE
                reason := format(
                    'The worker did not renew this execution within %s seconds.',
                    trim_scale(extract(epoch FROM lease.length)));
                UPDATE tool_executions AS t SET status = 'failed', error_message = reason, status_reason = reason
                WHERE t.user_id = ended_user_id AND t.id = ended_id AND t.status = 'executing';
            END IF;
            RETURN NEXT;
        EXCEPTION WHEN integrity_constraint_violation THEN
            -- A rule is younger than the row. It must not hold up what others have abandoned.
            RAISE WARNING 'abandoned work cannot be ended: % %: %', lease.kind, lease.work_id, SQLERRM;
            UPDATE leases AS l SET until = at + l.length
            WHERE l.user_id = ended_user_id AND l.work_id = lease.work_id AND l.kind = lease.kind;
        END;
    END LOOP;
    PERFORM set_config(name, value, true) FROM jsonb_each_text(caller) AS s (name, value);
END
$$;
