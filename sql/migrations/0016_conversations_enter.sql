-- A new conversation is appended to the feed by conversations_enter(), with its one write to the feed, which is also the first
-- lock that it takes. Only an older version of that function, which may still be in place, leaves this to the feed's trigger.
DO $$
DECLARE
    definition text;
BEGIN
    FOR definition IN
        SELECT pg_get_triggerdef(oid)
        FROM pg_trigger
        WHERE tgrelid = 'conversations'::regclass AND tgname IN ('feed_lock', 'zz_feed')
    LOOP
        EXECUTE regexp_replace(replace(definition, ' BEFORE INSERT OR ', ' BEFORE '), '^CREATE', 'CREATE OR REPLACE');
    END LOOP;
END
$$;
CREATE TRIGGER zz_feed_one BEFORE INSERT ON conversations
    FOR EACH ROW WHEN (NEW.version IS NULL) EXECUTE FUNCTION feed_conversations();
