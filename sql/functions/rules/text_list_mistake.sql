-- The path of the first item that breaks the rule of a list of texts (see add_list_rule), such as '{2}'; '{}' if the list
-- itself does, and null if there is none.
CREATE OR REPLACE FUNCTION text_list_mistake(list jsonb, most integer, length integer) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    IF jsonb_typeof(list) <> 'array' THEN
        RETURN '{}';
    ELSIF jsonb_array_length(list) > most THEN
        RETURN '{}';
    END IF;
    FOR n IN 0 .. jsonb_array_length(list) - 1 LOOP
        IF jsonb_typeof(list -> n) <> 'string' OR char_length(list ->> n) NOT BETWEEN 1 AND length THEN
            RETURN ARRAY[n::text];
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION text_list_mistake TO parley_runtime;
