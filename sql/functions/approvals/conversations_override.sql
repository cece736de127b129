-- Trigger: checks the automatic approval of a conversation, and stores a copy that approval_decide() applies. What was stored
-- before this was checked has no such copy, and is not applied until it is written again.
CREATE OR REPLACE FUNCTION conversations_override() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
DECLARE
    switches CONSTANT text[] := '{readOnlyOperations,lowRiskOperations,requireApprovalForNewTools}';
    amounts CONSTANT text[] := '{maxCostPerToolUsd,maxCostPerHourUsd}';
    name text;
    value jsonb;
    mistake text;
BEGIN
    -- A rule refuses it.
    IF jsonb_typeof(NEW.auto_approval_settings) <> 'object' THEN
        RETURN NEW;
    END IF;
    NEW.approval_overrides := '{}';
    FOR name, value IN SELECT * FROM jsonb_each(NEW.auto_approval_settings) LOOP
        IF name = ANY (switches) THEN
            mistake := CASE WHEN jsonb_typeof(value) <> 'boolean' THEN format('the setting %s is true or false', name) END;
        ELSIF name = ANY (amounts) THEN
            value := CASE
                WHEN jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^[0-9]{1,7}(\.[0-9]{1,6})?$'
                    THEN to_jsonb((value #>> '{}')::numeric)
                ELSE value END;
            mistake := CASE WHEN jsonb_typeof(value) <> 'number' OR value::numeric NOT BETWEEN 0 AND 1000000
                THEN format('the setting %s is an amount of US dollars from 0 to 1000000', name) END;
        ELSE
            mistake := format(
                'there is no setting %s: the settings are %s', to_json(left(name, 100)),
                array_to_string(switches || amounts, ', '));
        END IF;
        IF mistake IS NOT NULL THEN
            RAISE invalid_parameter_value USING CONSTRAINT = 'conversations_auto_approval_settings_known',
                TABLE = 'conversations', MESSAGE = mistake;
        END IF;
        NEW.approval_overrides := NEW.approval_overrides || jsonb_build_object(name, value);
    END LOOP;
    RETURN NEW;
END
$$;
