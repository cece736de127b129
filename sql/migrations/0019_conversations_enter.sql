-- A new conversation is appended to the feed by conversations_enter(), with its one write to the feed, which is also the first
-- lock that it takes. Only an older version of that function, which may still be in place, leaves this to the feed's trigger.
SELECT leave_inserts('conversations', name) FROM unnest('{feed_lock,zz_feed}'::text[]) AS name;
CREATE TRIGGER zz_feed_one BEFORE INSERT ON conversations
    FOR EACH ROW WHEN (NEW.version IS NULL) EXECUTE FUNCTION feed_conversations();
