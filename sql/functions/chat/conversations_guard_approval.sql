-- Trigger: an agent neither sets nor changes what decides on approvals: auto_approval_settings, and the members of metadata
-- whose names begin with `approval`, in any case.
CREATE OR REPLACE FUNCTION conversations_guard_approval() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
DECLARE
    settings jsonb := '{}';
    metadata jsonb := '{}';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        settings := OLD.auto_approval_settings;
        metadata := OLD.metadata;
    END IF;
    IF NEW.auto_approval_settings IS DISTINCT FROM settings THEN
        RAISE invalid_parameter_value USING
            CONSTRAINT = 'conversations_auto_approval_settings_person', TABLE = 'conversations',
            MESSAGE = 'only a person can change what is approved automatically';
    ELSIF about_approval(NEW.metadata) IS DISTINCT FROM about_approval(metadata) THEN
        RAISE invalid_parameter_value USING CONSTRAINT = 'conversations_metadata_person', TABLE = 'conversations',
            MESSAGE = 'only a person can change metadata whose name begins with approval';
    END IF;
    RETURN NEW;
END
$$;

-- The members of an object whose names begin with `approval`, in any case.
CREATE OR REPLACE FUNCTION about_approval(metadata jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}')
    FROM jsonb_each(CASE jsonb_typeof(metadata) WHEN 'object' THEN metadata END)
    WHERE starts_with(lower(key), 'approval')
$$;
GRANT EXECUTE ON FUNCTION about_approval TO parley_runtime;
