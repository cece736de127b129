-- Trigger: keeps users from changing the quotas of their plan, and from having the same one twice. A quota that counts
-- something else than before has neither warned nor been exceeded.
CREATE OR REPLACE FUNCTION usage_quotas_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = parley, pg_temp
AS $$
DECLARE
    -- The serving role acts for users, whatever its connection says of the actor.
    by_user boolean := NOT pg_has_role(current_user, 'parley_owner', 'USAGE');
BEGIN
    IF by_user AND (TG_OP <> 'INSERT' AND OLD.set_by = 'system' OR TG_OP <> 'DELETE' AND NEW.set_by = 'system') THEN
        RAISE check_violation USING CONSTRAINT = 'usage_quotas_id_plan', TABLE = 'usage_quotas',
            MESSAGE = 'this quota belongs to your plan, so you can neither change nor delete it';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    -- The same row is one that is created again, and its id is taken, which is found later.
    IF by_user AND NEW.deleted_at IS NULL AND EXISTS (
        SELECT FROM usage_quotas AS q
        WHERE q.user_id = NEW.user_id AND q.id <> NEW.id AND q.deleted_at IS NULL AND q.set_by = 'user'
            AND (q.unit, q.period, q.mode, q.counts_own_key, q."limit")
                = (NEW.unit, NEW.period, NEW.mode, NEW.counts_own_key, NEW."limit")
            AND q.provider IS NOT DISTINCT FROM NEW.provider
            AND canonical_name(q.model) IS NOT DISTINCT FROM canonical_name(NEW.model)
            AND q.automation IS NOT DISTINCT FROM NEW.automation)
    THEN
        RAISE check_violation USING CONSTRAINT = 'usage_quotas_limit_same', TABLE = 'usage_quotas',
            MESSAGE = 'you have the same quota already';
    END IF;
    IF TG_OP = 'UPDATE'
        AND (OLD.unit, OLD.period, OLD.provider, OLD.model, OLD.automation, OLD."limit", OLD.counts_own_key)
            IS DISTINCT FROM
            (NEW.unit, NEW.period, NEW.provider, NEW.model, NEW.automation, NEW."limit", NEW.counts_own_key)
    THEN
        NEW.warned_at := NULL;
        NEW.exceeded_at := NULL;
    END IF;
    RETURN NEW;
END
$$;
