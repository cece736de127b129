-- Trigger: requires a new job to be queued, allows only legal moves, and sets the times of the moves. What a job is about
-- never changes, and a job that has ended keeps its outcome.
CREATE OR REPLACE FUNCTION jobs_move() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'queued' THEN
            RAISE check_violation USING CONSTRAINT = 'jobs_status_first', TABLE = 'jobs', MESSAGE = 'a new job must be queued';
        END IF;
        -- Jobs of all users wait in one line.
        IF (
            SELECT count(*) FROM jobs AS j WHERE j.user_id = NEW.user_id AND j.status IN ('queued', 'running')
        ) >= 100 THEN
            RAISE check_violation USING CONSTRAINT = 'jobs_status_limit', TABLE = 'jobs',
                MESSAGE = 'at most 100 jobs can be unfinished: wait for some, or cancel them';
        END IF;
        NEW.started_at := NULL;
        NEW.finished_at := NULL;
        NEW.error := NULL;
        RETURN NEW;
    END IF;
    IF (NEW.kind, NEW.parameters) IS DISTINCT FROM (OLD.kind, OLD.parameters) THEN
        RAISE check_violation USING CONSTRAINT = 'jobs_kind_fixed', TABLE = 'jobs',
            MESSAGE = 'what a job is about cannot be changed';
    END IF;
    NEW.started_at := OLD.started_at;
    NEW.finished_at := OLD.finished_at;
    IF NEW.status <> OLD.status THEN
        IF NOT job_move_is_legal(OLD.status, NEW.status) THEN
            RAISE check_violation USING CONSTRAINT = 'jobs_status_move', TABLE = 'jobs',
                MESSAGE = format('the status of a job cannot change from %s to %s', OLD.status, NEW.status);
        END IF;
        CASE NEW.status
            WHEN 'queued' THEN NEW.finished_at := NULL;
            WHEN 'running' THEN NEW.started_at := at;
            ELSE NEW.finished_at := at;
        END CASE;
        IF NEW.status <> 'failed' THEN
            NEW.error := NULL;
        END IF;
    ELSIF OLD.finished_at IS NOT NULL AND (NEW.done, NEW.total, NEW.error, NEW.attempts)
        IS DISTINCT FROM (OLD.done, OLD.total, OLD.error, OLD.attempts) THEN
        RAISE check_violation USING CONSTRAINT = 'jobs_status_final', TABLE = 'jobs',
            MESSAGE = format('a job that is %s cannot be changed', OLD.status);
    END IF;
    RETURN NEW;
END
$$;
