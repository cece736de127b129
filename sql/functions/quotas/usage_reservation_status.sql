-- What came of a reservation: 'settled' when its usage is recorded, 'released', 'expired', or still 'held'.
CREATE OR REPLACE FUNCTION usage_reservation_status(reservation usage_reservations) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN EXISTS (
            SELECT FROM usage_logs AS l WHERE l.user_id = reservation.user_id AND l.id = reservation.id
        ) THEN 'settled'
        WHEN reservation.status = 'released' THEN 'released'
        WHEN reservation.expires_at <= clock_timestamp() THEN 'expired'
        ELSE 'held'
    END
$$;
GRANT EXECUTE ON FUNCTION usage_reservation_status TO parley_runtime;
