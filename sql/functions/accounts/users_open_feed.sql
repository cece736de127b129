-- Trigger: creates the feed of a new user, and notes that it has no change before now.
CREATE OR REPLACE FUNCTION users_open_feed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = parley, pg_temp
AS $$
BEGIN
    INSERT INTO feeds (user_id) VALUES (NEW.user_id);
    INSERT INTO feed_ages (user_id) VALUES (NEW.user_id);
    RETURN NEW;
END
$$;
