-- Rows that go some time after a moment, each by a function that add_expiry() makes.

DROP FUNCTION IF EXISTS sessions_expire(interval, integer), jobs_expire(interval, integer);
DROP POLICY finding ON sessions;
SELECT add_expiry('sessions', 'least(expires_at, ends_at)');
SELECT add_expiry('jobs', 'finished_at');
