-- Ends the abandoned work of one user as failed, and cancels what nobody approved in time. A tool execution whose worker was
-- named is given back instead, so that another worker starts it, until it was started three times. Returns what it ended;
-- nothing if there is no such work, or if its user is writing at the moment. Any number of processes may call it at once:
-- each takes a different user.
CREATE OR REPLACE FUNCTION end_abandoned_work() RETURNS TABLE (ended_user_id uuid, ended_kind text, ended_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    caller jsonb;
    at timestamptz := clock_timestamp();
    lease leases;
    most_attempts CONSTANT integer := 3;
    named text;
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
    caller := act_for(ended_user_id);
    FOR lease IN
        SELECT l.* FROM leases AS l
        WHERE l.user_id = ended_user_id AND l.until < at
        ORDER BY l.work_id, l.kind
        LIMIT 100
    LOOP
        -- Waits for an append in progress. If it renews the lease, the message goes on.
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
            ELSIF ended_kind = 'tool_approvals' THEN
                UPDATE tool_executions AS t SET status = 'cancelled', status_reason = 'Nobody approved it in time.'
                WHERE t.user_id = ended_user_id AND t.id = ended_id AND t.status = 'pending';
            ELSE
                SELECT t.worker INTO named FROM tool_executions AS t WHERE t.user_id = ended_user_id AND t.id = ended_id;
                reason := format(
                    'The worker%s did not renew this execution within %s seconds%s.', ' ' || named,
                    trim_scale(extract(epoch FROM lease.length)),
                    CASE WHEN named IS NOT NULL THEN format(' (attempt %s of %s)', lease.attempt, most_attempts) END);
                IF named IS NOT NULL AND lease.attempt < most_attempts THEN
                    UPDATE tool_executions AS t SET status = 'approved', status_reason = reason
                    WHERE t.user_id = ended_user_id AND t.id = ended_id AND t.status = 'executing';
                ELSE
                    UPDATE tool_executions AS t SET status = 'failed', error_message = reason, status_reason = reason
                    WHERE t.user_id = ended_user_id AND t.id = ended_id AND t.status = 'executing';
                END IF;
            END IF;
            RETURN NEXT;
        EXCEPTION WHEN integrity_constraint_violation THEN
            -- The row breaks a rule that was added later. It must not block other abandoned work.
            RAISE WARNING 'cannot end abandoned work: % %: %', lease.kind, lease.work_id, SQLERRM;
            UPDATE leases AS l SET until = at + l.length
            WHERE l.user_id = ended_user_id AND l.work_id = lease.work_id AND l.kind = lease.kind;
        END;
    END LOOP;
    PERFORM stamp_again(caller);
END
$$;
GRANT EXECUTE ON FUNCTION end_abandoned_work TO parley_runtime;
