-- Trigger: inserts the rows that each user has one of. Its arguments are their tables; one_per_user() sets them.
CREATE OR REPLACE FUNCTION users_complete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY TG_ARGV LOOP
        EXECUTE format('INSERT INTO %I (user_id) VALUES ($1)', table_name) USING NEW.user_id;
    END LOOP;
    RETURN NULL;
END
$$;
