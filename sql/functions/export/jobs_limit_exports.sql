-- Trigger: allows a user one unfinished export, and three in 24 hours. Failed ones do not count. The feed's lock, which is
-- held here, lets no other request of the user in between.
CREATE OR REPLACE FUNCTION jobs_limit_exports() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 3;
    recent timestamptz[];
BEGIN
    IF EXISTS (
        SELECT FROM jobs AS j
        WHERE j.user_id = NEW.user_id AND j.kind = 'export' AND j.status IN ('queued', 'running')
    ) THEN
        RAISE unique_violation USING CONSTRAINT = 'jobs_export_unfinished', TABLE = 'jobs',
            MESSAGE = 'an export of this account is not finished yet';
    END IF;
    SELECT array_agg(j.created_at ORDER BY j.created_at) INTO recent
    FROM jobs AS j
    WHERE j.user_id = NEW.user_id AND j.kind = 'export' AND j.status <> 'failed'
        AND j.created_at > clock_timestamp() - interval '24 hours';
    IF cardinality(recent) >= most THEN
        RAISE check_violation USING CONSTRAINT = 'jobs_exports', TABLE = 'jobs',
            MESSAGE = format(
                'an account can be exported %s times in 24 hours: try again after %s', most, to_char(
                    (recent[cardinality(recent) - most + 1] + interval '24 hours') AT TIME ZONE 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
    END IF;
    RETURN NEW;
END
$$;
