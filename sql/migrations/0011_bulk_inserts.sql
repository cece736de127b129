-- Messages and log entries are inserted many at a time.

SELECT add_bulk_insert('usage_logs', carry => '{conversation_id}', sums => 'sum');
-- messages_insert_all() also numbers its messages, so it is written by hand.
SELECT grant_columns('messages', 'INSERT', '{seq,version}');
