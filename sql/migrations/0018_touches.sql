-- The triggers that tell of the ends of a join, as add_touch() makes them now. Older databases have them under other names.

DROP TRIGGER IF EXISTS touch_inserted ON conversation_tags;
DROP TRIGGER IF EXISTS touch_deleted ON conversation_tags;
DROP FUNCTION IF EXISTS touch_function(text, text[]);
SELECT add_touch('conversation_tags', '{conversation_id}', '{insert,delete}');
