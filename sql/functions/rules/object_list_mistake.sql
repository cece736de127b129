-- The path of the first member that breaks the rule of a list of objects (see add_list_rule), such as '{2,name}'; '{}' if
-- the list itself does, and null if there is none. `members` holds the greatest length of each text.
CREATE OR REPLACE FUNCTION object_list_mistake(list jsonb, most integer, members jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    names text[];
    item jsonb;
    name text;
BEGIN
    IF list = '[]' THEN
        RETURN NULL;
    ELSIF jsonb_typeof(list) <> 'array' OR pg_column_size(list) > 65536 THEN
        RETURN '{}';
    ELSIF jsonb_array_length(list) > most THEN
        RETURN '{}';
    END IF;
    names := ARRAY(SELECT jsonb_object_keys(members));
    FOR n IN 0 .. jsonb_array_length(list) - 1 LOOP
        item := list -> n;
        IF jsonb_typeof(item) <> 'object' THEN
            RETURN ARRAY[n::text];
        END IF;
        FOREACH name IN ARRAY names LOOP
            IF char_length(item ->> name) > (members ->> name)::integer THEN
                RETURN ARRAY[n::text, name];
            END IF;
        END LOOP;
    END LOOP;
    RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION object_list_mistake TO parley_runtime;
