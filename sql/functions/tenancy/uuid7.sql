-- A new time-ordered id: UUIDv7 (RFC 9562 §5.7), 48 bits of milliseconds followed by randomness. PostgreSQL 18 has
-- it built in.
DO $$
BEGIN
    IF to_regprocedure('pg_catalog.uuidv7()') IS NOT NULL THEN
        CREATE OR REPLACE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
        AS 'SELECT pg_catalog.uuidv7()';
    ELSE
        CREATE OR REPLACE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
        AS $body$
            SELECT encode(
                set_byte(
                    overlay(
                        uuid_send(gen_random_uuid())
                        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                        FROM 1 FOR 6),
                    6, (get_byte(uuid_send(gen_random_uuid()), 0) & 15) | 112),
                'hex')::uuid
        $body$;
    END IF;
END
$$;
COMMENT ON FUNCTION uuid7() IS 'A new time-ordered id.';
GRANT EXECUTE ON FUNCTION uuid7 TO parley_runtime;
