-- Leases: work that a worker has begun, a message that grows or a tool that runs, ends as failed when nobody renews it.
--
-- A lease is a narrow row of its own, so that renewing one takes no version of the feed, and waits for no other writer of
-- the user. Locks are taken in one order: the feed, the message, what has grown of it, the lease.

CREATE TABLE leases (
    user_id uuid NOT NULL,
    work_id uuid NOT NULL,
    kind text NOT NULL,
    length interval NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (user_id, work_id),
    CONSTRAINT leases_kind_known CHECK (kind IN ('messages', 'tool_executions'))
) WITH (fillfactor = 50);
COMMENT ON TABLE leases IS 'Work in progress. Each row goes when its work ends.';
COMMENT ON COLUMN leases.kind IS 'The table of the work.';
COMMENT ON COLUMN leases.length IS 'How long the work may go on without being renewed.';
COMMENT ON COLUMN leases.until IS 'When the work counts as abandoned, unless it is renewed before.';
-- Without the user, since it is looked for across users.
CREATE INDEX leases_by_end ON leases (until);
ALTER TABLE leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE leases FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON leases TO parley_runtime USING (user_id = (SELECT tenant()));
-- For the functions below, which name the user.
CREATE POLICY keeping ON leases TO parley_owner USING (true);
GRANT SELECT ON leases TO parley_runtime;

-- How long a lease is that is taken now: a setting of the gateway, which its connections carry.
CREATE FUNCTION lease_length() RETURNS interval LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT make_interval(secs => coalesce(nullif(current_setting('app.lease_seconds', true), '')::double precision, 120))
$$;

-- Renews the lease of the caller's work, and says whether it is still in progress.
CREATE FUNCTION lease_renew(owner_id uuid, working_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    UPDATE leases SET until = clock_timestamp() + length
    WHERE user_id = owner_id AND user_id = tenant() AND work_id = working_id;
    RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION lease_renew TO parley_runtime;

ALTER TABLE message_growths ADD COLUMN renew_at timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON COLUMN message_growths.renew_at IS
    'From then on, an append renews the lease: not each one, since a change of the lease is one of an index.';

-- Appends a text at a place. `outcome` is 'appended', also for a text that is there already; 'gap' when the message does
-- not reach to the place; 'differs' when another text is there; 'closed' when there is no message that grows. `length`
-- is the place behind the text or, where nothing was done, behind the message.
CREATE OR REPLACE FUNCTION message_append(
    owner_id uuid, growing_id uuid, place integer, said text, OUT outcome text, OUT length integer
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    largest_tail CONSTANT integer := 1024;
    head record;
    known text;
    is_due boolean;
BEGIN
    -- What nearly always comes: the next text, for which the tail has room.
    UPDATE message_growths AS g
    SET length = g.length + char_length(said), tail = g.tail || said
    WHERE g.user_id = owner_id AND g.message_id = growing_id AND g.length = place
        AND octet_length(g.tail) + octet_length(said) <= largest_tail
    RETURNING g.length, g.renew_at < clock_timestamp() INTO length, is_due;
    IF FOUND THEN
        IF is_due THEN
            PERFORM message_renew(owner_id, growing_id);
        END IF;
        outcome := 'appended';
        RETURN;
    END IF;
    SELECT g.length, g.tail INTO head
    FROM message_growths AS g
    WHERE g.user_id = owner_id AND g.message_id = growing_id
    FOR UPDATE;
    IF NOT FOUND THEN
        -- The first append. The lock on the message keeps it from ending meanwhile, and others from being the first.
        PERFORM FROM messages AS m
        WHERE m.user_id = owner_id AND m.id = growing_id AND m.status = 'streaming' AND m.deleted_at IS NULL
        FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            outcome := 'closed';
            RETURN;
        END IF;
        INSERT INTO message_growths (user_id, message_id, length)
        SELECT m.user_id, m.id, char_length(m.content)
        FROM messages AS m
        WHERE m.user_id = owner_id AND m.id = growing_id
        ON CONFLICT DO NOTHING;
        SELECT g.length, g.tail INTO head
        FROM message_growths AS g
        WHERE g.user_id = owner_id AND g.message_id = growing_id
        FOR UPDATE;
    END IF;
    length := head.length;
    IF place > head.length THEN
        outcome := 'gap';
        RETURN;
    ELSIF place < head.length THEN
        SELECT left(
            right(m.content, greatest(char_length(m.content) - place, 0)) || message_grown(owner_id, growing_id, place),
            char_length(said)) INTO known
        FROM messages AS m
        WHERE m.user_id = owner_id AND m.id = growing_id;
        IF NOT starts_with(said, known) THEN
            outcome := 'differs';
            RETURN;
        END IF;
    END IF;
    PERFORM message_renew(owner_id, growing_id);
    outcome := 'appended';
    length := place + char_length(said);
    said := substr(said, head.length - place + 1);
    IF said = '' THEN
        RETURN;
    END IF;
    IF octet_length(head.tail) + octet_length(said) > largest_tail THEN
        INSERT INTO message_pieces (user_id, message_id, until, text)
        SELECT owner_id, growing_id, head.length, head.tail
        WHERE head.tail <> '';
        head.tail := '';
    END IF;
    IF octet_length(said) > largest_tail THEN
        INSERT INTO message_pieces (user_id, message_id, until, text) VALUES (owner_id, growing_id, length, said);
        said := '';
    END IF;
    UPDATE message_growths AS g
    SET length = message_append.length, tail = head.tail || said
    WHERE g.user_id = owner_id AND g.message_id = growing_id;
END
$$;

-- Renews the lease of a message whose growth the caller has locked, unless it has been lately.
CREATE FUNCTION message_renew(owner_id uuid, growing_id uuid) RETURNS void
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
    WHERE l.user_id = owner_id AND l.work_id = growing_id
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
        WHERE l.user_id = OLD.user_id AND l.work_id = OLD.id;
    ELSE
        DELETE FROM leases AS l WHERE l.user_id = OLD.user_id AND l.work_id = OLD.id;
    END IF;
    RETURN NEW;
END
$$;

-- A tool has a lease from its start to its end.
CREATE FUNCTION tool_executions_lease() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NEW.status = 'executing' THEN
        INSERT INTO leases (user_id, work_id, kind, length, until)
        VALUES (NEW.user_id, NEW.id, 'tool_executions', lease_length(), clock_timestamp() + lease_length());
    ELSIF OLD.status = 'executing' THEN
        DELETE FROM leases AS l WHERE l.user_id = NEW.user_id AND l.work_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER lease AFTER UPDATE ON tool_executions
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION tool_executions_lease();

-- Ends the abandoned work of one user as failed, and says what it ended: nothing when there is none, or none whose user
-- is not writing at this moment. Any number of processes may call it at once: each takes another user.
CREATE FUNCTION end_abandoned_work() RETURNS TABLE (ended_user_id uuid, ended_kind text, ended_id uuid)
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
        SELECT l.* FROM leases AS l WHERE l.user_id = ended_user_id AND l.until < at ORDER BY l.work_id LIMIT 100
    LOOP
        -- An append may be under way. What it renews is not ended.
        PERFORM FROM messages AS m WHERE m.user_id = ended_user_id AND m.id = lease.work_id FOR NO KEY UPDATE;
        PERFORM FROM message_growths AS g
        WHERE g.user_id = ended_user_id AND g.message_id = lease.work_id
        FOR UPDATE;
        DELETE FROM leases AS l WHERE l.user_id = ended_user_id AND l.work_id = lease.work_id AND l.until < at;
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
    END LOOP;
    PERFORM set_config(name, value, true) FROM jsonb_each_text(caller) AS s (name, value);
END
$$;
GRANT EXECUTE ON FUNCTION end_abandoned_work TO parley_runtime;
