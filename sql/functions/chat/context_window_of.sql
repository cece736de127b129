-- The context window of a conversation that names none: that of its model, or 8192 tokens if the model is not known by this
-- id.
CREATE OR REPLACE FUNCTION context_window_of(provider text, model text) RETURNS integer LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN coalesce(
        (SELECT m.context_window
        FROM llm_models AS m
        WHERE m.provider = context_window_of.provider AND m.model_id = context_window_of.model),
        8192);
END
$$;
