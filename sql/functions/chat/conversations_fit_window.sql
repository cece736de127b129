-- Trigger: a conversation whose context window is reset gets that of its model.
CREATE OR REPLACE FUNCTION conversations_fit_window() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = parley, pg_temp
AS $$
BEGIN
    NEW.context_window := coalesce(NEW.context_window, context_window_of(NEW.provider, NEW.model));
    RETURN NEW;
END
$$;
