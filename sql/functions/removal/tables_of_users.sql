-- The tables that hold something of users, in an order in which all of a user can be removed: tables that refer to others
-- come before these, and the tables that a row of users needs, such as its feed, after it. `has_id` tells those whose rows
-- are removed by their ids, because they may refer to each other.
CREATE OR REPLACE FUNCTION tables_of_users() RETURNS TABLE (name text, has_id boolean) LANGUAGE sql STABLE
AS $$
    -- UNION and the limit end the search where tables refer to each other in a circle.
    WITH RECURSIVE referred (start, table_id, distance) AS (
        SELECT attrelid, attrelid, 0
        FROM pg_attribute
        JOIN pg_class AS c ON c.oid = attrelid
        WHERE relnamespace = 'parley'::regnamespace AND relkind = 'r' AND attname = 'user_id'
        UNION
        SELECT start, confrelid, distance + 1
        FROM referred
        JOIN pg_constraint ON conrelid = table_id AND contype = 'f' AND confrelid <> conrelid
        WHERE distance < 20
    )
    SELECT relname::text, EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = start AND attname = 'id')
    FROM referred
    JOIN pg_class ON pg_class.oid = start
    GROUP BY start, relname
    ORDER BY
        max(distance) FILTER (WHERE table_id = 'users'::regclass) DESC NULLS LAST,
        relname
$$;
