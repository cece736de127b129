-- Trigger: gives a conversation that names no context window that of its model, or 8192 tokens if the model is not known.
CREATE OR REPLACE FUNCTION conversations_fit_window() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    NEW.context_window := coalesce(
        (SELECT m.context_window FROM llm_models AS m WHERE m.provider = NEW.provider AND m.model_id = NEW.model), 8192);
    RETURN NEW;
END
$$;
