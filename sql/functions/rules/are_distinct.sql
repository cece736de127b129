-- Whether no item of a list occurs twice. What is not a list is left to its other rules.
CREATE OR REPLACE FUNCTION are_distinct(list jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT count(*) = count(DISTINCT item)
    FROM jsonb_array_elements(CASE jsonb_typeof(list) WHEN 'array' THEN list END) AS l (item)
$$;
GRANT EXECUTE ON FUNCTION are_distinct TO parley_runtime;
