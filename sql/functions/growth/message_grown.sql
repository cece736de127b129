-- The appended text after an offset. Written in plpgsql so that it is not inlined: a statement that finds no growing
-- message must not open these tables.
CREATE OR REPLACE FUNCTION message_grown(owner_id uuid, growing_id uuid, from_offset integer) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN concat(
        (SELECT string_agg(right(p.text, p.until - from_offset), '' ORDER BY p.until)
         FROM message_pieces AS p
         WHERE p.user_id = owner_id AND p.message_id = growing_id AND p.until > from_offset),
        (SELECT right(g.tail, greatest(g.length - from_offset, 0))
         FROM message_growths AS g
         WHERE g.user_id = owner_id AND g.message_id = growing_id));
END
$$;
GRANT EXECUTE ON FUNCTION message_grown TO parley_runtime;
