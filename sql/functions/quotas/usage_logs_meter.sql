-- Marks those of a user's new log entries, which have their costs, that go beyond what a hard quota leaves; returns the entries.
-- Notes in the quotas when their usage passes 80 % of the limit, and when it passes the limit. Called under the feed's lock,
-- before the entries are in the log and in the sums, and only if the user has quotas.
CREATE OR REPLACE FUNCTION usage_logs_meter(account uuid, entries usage_logs[], at timestamptz) RETURNS usage_logs[]
LANGUAGE plpgsql
AS $$
DECLARE
    settling uuid[] := ARRAY(SELECT e.id FROM unnest(entries) AS e WHERE e.id IS NOT NULL);
    found record;
    total numeric;
    n integer;
    warns boolean;
    exceeds boolean;
BEGIN
    FOR found IN
        SELECT q AS quota, s.*
        FROM usage_quotas AS q
        CROSS JOIN LATERAL usage_quota_state(q, at, settling) AS s
        WHERE q.user_id = account AND q.deleted_at IS NULL
    LOOP
        total := found.used;
        FOR n IN 1..cardinality(entries) LOOP
            -- In a list, columns that were not sent are still null.
            CONTINUE WHEN usage_quota_counts(
                found.quota, entries[n].provider, entries[n].model, entries[n].automation,
                coalesce(entries[n].used_own_api_key, false)) IS NOT TRUE;
            total := total + usage_in_unit(
                (found.quota).unit, 1,
                coalesce(entries[n].input_tokens, 0)::bigint + coalesce(entries[n].output_tokens, 0),
                entries[n].cost_usd);
            IF (found.quota).mode = 'hard' AND total + found.reserved > (found.quota)."limit" THEN
                entries[n].is_over_quota := true;
            END IF;
        END LOOP;
        -- Once in each period.
        warns := total >= (found.quota)."limit" * 0.8
            AND ((found.quota).warned_at >= found.begins_at) IS NOT TRUE;
        exceeds := total > (found.quota)."limit"
            AND ((found.quota).exceeded_at >= found.begins_at) IS NOT TRUE;
        IF total > found.used AND (warns OR exceeds) THEN
            UPDATE usage_quotas
            SET warned_at = CASE WHEN warns THEN at ELSE warned_at END,
                exceeded_at = CASE WHEN exceeds THEN at ELSE exceeded_at END
            WHERE user_id = account AND id = (found.quota).id;
        END IF;
    END LOOP;
    RETURN entries;
END
$$;
