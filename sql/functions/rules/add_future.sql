-- Requires a time to be in the future when it is written: in a new row, and when it is changed. It may pass afterwards. Null
-- is allowed. The error is about the column.
CREATE OR REPLACE FUNCTION add_future(table_name text, column_name text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER %I BEFORE INSERT OR UPDATE OF %2$I ON %3$I FOR EACH ROW '
        'WHEN (NEW.%2$I <= clock_timestamp()) EXECUTE FUNCTION refuse_past(%2$L)',
        'future_' || column_name, column_name, table_name);
END
$$;

-- Trigger: refuses a time that has passed, unless the row has it already. If the id of a new row is taken, the insert fails
-- for that, so that a request which is sent again later gets the row that it made.
CREATE OR REPLACE FUNCTION refuse_past() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
DECLARE
    has_it boolean;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        has_it := to_jsonb(NEW) -> TG_ARGV[0] = to_jsonb(OLD) -> TG_ARGV[0];
    ELSE
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE user_id = $1 AND id = $2)', TG_TABLE_NAME)
        INTO has_it USING NEW.user_id, NEW.id;
    END IF;
    IF has_it THEN
        RETURN NEW;
    END IF;
    RAISE invalid_parameter_value USING CONSTRAINT = format('%s_%s_future', TG_TABLE_NAME, TG_ARGV[0]),
        TABLE = TG_TABLE_NAME, MESSAGE = 'this must be a time in the future';
END
$$;
