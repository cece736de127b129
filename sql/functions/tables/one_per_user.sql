-- Makes a new table hold exactly one row for each user. The table declares `user_id uuid NOT NULL REFERENCES users
-- (user_id)`, `id uuid DEFAULT uuid7()`, and columns that have defaults or may be null. Call this instead of
-- tenant_table(), which it calls. It also makes
--
-- * UNIQUE (user_id);
-- * the row of each new account, in the transaction of the account, and now the rows of all accounts that exist.
--
-- The runtime role may read and update these rows, but neither insert nor delete them.
CREATE OR REPLACE FUNCTION one_per_user(table_name text, carry text[] DEFAULT '{}') RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM tenant_table(
        table_name, carry => carry, without => '{deleted_at,request_hash}', privileges => 'SELECT, UPDATE');
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I UNIQUE (user_id)', table_name, table_name || '_user_id_key');
    -- For users_complete() and other functions of the owner, which name the user.
    EXECUTE format('CREATE POLICY reading ON %I FOR SELECT TO parley_owner USING (true)', table_name);
    EXECUTE format('CREATE POLICY completing ON %I FOR INSERT TO parley_owner WITH CHECK (true)', table_name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER complete AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION users_complete(%s)', (
            SELECT string_agg(quote_literal(one), ', ')
            FROM (
                SELECT unnest(string_to_array(encode(tgargs, 'escape'), '\000'))
                FROM pg_trigger
                WHERE tgrelid = 'users'::regclass AND tgname = 'complete'
                UNION
                SELECT table_name
            ) AS completed (one)
            WHERE one <> ''));
    EXECUTE format('INSERT INTO %I (user_id) SELECT user_id FROM users ORDER BY user_id', table_name);
END
$$;
