-- The id of a row that has a natural key, such as provider and model: a UUID of version 8 (RFC 9562), made of the key's
-- SHA-256. So the row has the same id in every database, and can be found by its key like any other row by its id.
-- Null if a part of the key is null. natural_id() in gateway/schema/types/natural_id.py makes the same. Do not change what
-- it returns: it is stored.
CREATE OR REPLACE FUNCTION natural_id(VARIADIC parts text[]) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
SELECT encode(set_byte(set_byte(hash, 6, get_byte(hash, 6) & 15 | 128), 8, get_byte(hash, 8) & 63 | 128), 'hex')::uuid
FROM (SELECT substring(sha256(convert_to(array_to_string(parts, chr(31)), 'UTF8')) FROM 1 FOR 16) AS hash) AS made
WHERE array_position(parts, NULL) IS NULL
$$;
GRANT EXECUTE ON FUNCTION natural_id(text[]) TO parley_runtime;
