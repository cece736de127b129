-- Trigger: a reservation can be given back, unless its usage is recorded.
CREATE OR REPLACE FUNCTION usage_reservations_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    IF NEW.status <> OLD.status AND (
        NEW.status <> 'released'
        OR EXISTS (SELECT FROM usage_logs AS l WHERE l.user_id = NEW.user_id AND l.id = NEW.id))
    THEN
        RAISE check_violation USING CONSTRAINT = 'usage_reservations_id_settled', TABLE = 'usage_reservations',
            MESSAGE = 'the usage of this reservation is recorded already';
    END IF;
    RETURN NEW;
END
$$;
