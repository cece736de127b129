-- Whether a user has an active key of a provider, so that a call of its models can use it.
CREATE OR REPLACE FUNCTION usage_has_own_key(account uuid, called text) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = parley, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM provider_keys AS k
        WHERE k.user_id = account AND k.provider = called AND k.is_active AND k.deleted_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()));
END
$$;
GRANT EXECUTE ON FUNCTION usage_has_own_key TO parley_runtime;

-- Whether a new entry of the usage log counts as one with the user's own key: if it names a key, which may be inactive by now,
-- or if it says so and the user has a key of the provider, or had one when the call was reserved. Otherwise, saying so would be
-- enough to evade the quotas of a plan.
--
-- Refuses a key of another provider. `reserved` is the reservation with the id of the entry, if there is one: it must be one
-- for the same provider, and the same in this, since the quotas that it passed count only such calls. It may be one for
-- another model, because providers answer with others than they were asked for.
CREATE OR REPLACE FUNCTION usage_own_key(
    account uuid, called text, key_id uuid, says_own_key boolean, reserved usage_reservations
) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = parley, pg_temp
AS $$
DECLARE
    key_provider text;
    is_own boolean := false;
BEGIN
    -- A name that breaks the rule is refused for that, later.
    IF char_length(called) NOT BETWEEN 1 AND 50 THEN
        RETURN false;
    ELSIF key_id IS NOT NULL THEN
        SELECT k.provider INTO key_provider
        FROM provider_keys AS k
        WHERE k.user_id = account AND k.id = key_id AND k.deleted_at IS NULL;
        IF NOT FOUND THEN
            -- The trigger `links` refuses it, with the words for that.
            RETURN false;
        ELSIF key_provider <> called THEN
            RAISE invalid_parameter_value USING CONSTRAINT = 'usage_logs_api_key_id_provider', TABLE = 'usage_logs',
                MESSAGE = format(
                    'this is a key of %s, and the call is one of %s', key_provider, called);
        END IF;
        is_own := true;
    ELSIF says_own_key THEN
        is_own := reserved.used_own_api_key IS TRUE OR usage_has_own_key(account, called);
    END IF;
    IF reserved.provider <> called THEN
        RAISE check_violation USING CONSTRAINT = 'usage_logs_provider_reserved', TABLE = 'usage_logs',
            MESSAGE = format(
                'the reservation with this id is one for %s, and the call is one of %s: record it with another id',
                reserved.provider, called);
    ELSIF reserved.used_own_api_key <> is_own THEN
        RAISE check_violation USING CONSTRAINT = 'usage_logs_used_own_api_key_reserved', TABLE = 'usage_logs',
            MESSAGE = format(
                'the reservation with this id is one for a call %s your own API key: record other calls with another id',
                CASE WHEN is_own THEN 'without' ELSE 'with' END);
    END IF;
    RETURN is_own;
END
$$;
