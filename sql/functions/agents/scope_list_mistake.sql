-- The path of the first scope of an agent's token that does not exist or that was named before, such as '{2}'; '{}' if the
-- list itself is wrong, and null if all is well. A scope must also be in `gateway/auth/scope.py`; a test compares the two.
CREATE OR REPLACE FUNCTION scope_list_mistake(scopes jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    known CONSTANT jsonb := '["read", "messages:write", "tools:propose", "tools:execute", "tools:approve", "usage:write",
        "files:write", "knowledge:write", "personal:write", "confirmations:propose", "confirmations:decide", "sync:run"]';
    named jsonb := '[]';
BEGIN
    IF jsonb_typeof(scopes) <> 'array' THEN
        RETURN '{}';
    ELSIF scopes = '[]' THEN
        RETURN '{}';
    END IF;
    FOR n IN 0 .. jsonb_array_length(scopes) - 1 LOOP
        IF jsonb_typeof(scopes -> n) <> 'string' OR NOT known ? (scopes ->> n) OR named ? (scopes ->> n) THEN
            RETURN ARRAY[n::text];
        END IF;
        named := named || (scopes -> n);
    END LOOP;
    RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION scope_list_mistake TO parley_runtime;
