-- Finds up to 100 users, by id, whose settings archive or delete inactive conversations.
CREATE OR REPLACE FUNCTION users_with_retention(after_id uuid)
RETURNS TABLE (retained_user_id uuid, archive_months integer, delete_months integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT s.user_id, s.archive_after_months, s.delete_after_months
    FROM user_settings AS s
    WHERE is_background_work()
        AND s.user_id > after_id
        AND (s.archive_after_months IS NOT NULL OR s.delete_after_months IS NOT NULL)
    ORDER BY s.user_id
    LIMIT 100;
END
$$;
GRANT EXECUTE ON FUNCTION users_with_retention TO parley_runtime;
