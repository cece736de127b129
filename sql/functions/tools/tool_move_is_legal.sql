-- Whether a tool execution may move from one status to another. The only list of its legal moves, but for that of
-- tool_is_given_back().
CREATE OR REPLACE FUNCTION tool_move_is_legal(from_status text, to_status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT (from_status, to_status) IN (
        ('pending', 'approved'), ('pending', 'cancelled'),
        ('approved', 'executing'), ('approved', 'cancelled'),
        ('executing', 'completed'), ('executing', 'failed'), ('executing', 'cancelled'))
$$;
GRANT EXECUTE ON FUNCTION tool_move_is_legal TO parley_runtime;
