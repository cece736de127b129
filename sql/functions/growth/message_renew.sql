-- Renews the lease of a growing message, unless it was renewed recently. Its row of message_growths must be locked.
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
