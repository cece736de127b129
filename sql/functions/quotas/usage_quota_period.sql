-- When the period of a quota that contains a time begins and ends, in UTC. All time is one period for 'total'.
CREATE OR REPLACE FUNCTION usage_quota_period(period text, at timestamptz)
RETURNS TABLE (begins_at timestamptz, ends_at timestamptz) LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF period = 'total' THEN
        RETURN QUERY SELECT '-infinity'::timestamptz, 'infinity'::timestamptz;
    ELSE
        begins_at := date_trunc(period, at, 'UTC');
        ends_at := (begins_at AT TIME ZONE 'UTC' + ('1 ' || period)::interval) AT TIME ZONE 'UTC';
        RETURN NEXT;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION usage_quota_period TO parley_runtime;
