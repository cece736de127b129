-- A new time-ordered id: UUIDv7 (RFC 9562 §5.7). PostgreSQL 18 has it built in. Before, 48 bits of milliseconds are
-- followed by 12 bits of their fraction (§6.2, method 3), so that ids made one after the other are in order.
DO $$
BEGIN
    IF to_regprocedure('pg_catalog.uuidv7()') IS NOT NULL THEN
        CREATE OR REPLACE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
        AS 'SELECT pg_catalog.uuidv7()';
    ELSE
        CREATE OR REPLACE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
        AS $body$
            SELECT encode(
                overlay(
                    uuid_send(gen_random_uuid())
                    PLACING int8send(((us / 1000) << 16) | x'7000'::bigint | (us % 1000 * 4096 / 1000))
                    FROM 1 FOR 8),
                'hex')::uuid
            FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS now
        $body$;
    END IF;
END
$$;
COMMENT ON FUNCTION uuid7() IS 'A new time-ordered id.';
GRANT EXECUTE ON FUNCTION uuid7 TO parley_runtime;
