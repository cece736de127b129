"""Quotas and reservations, as a client sees them."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.serving import Client, first
from tests.usage.models import import_into

STATE = "used reserved remaining resetsAt warnedAt exceededAt"
QUOTAS = f"{{ viewer {{ usageQuotas {{ nodes {{ id unit period {STATE} }} }} }} }}"
CHECK = """
query($provider: String! = "openai", $model: String! = "gpt-large", $in: Int! = 0, $out: Int! = 0, $cost: Decimal,
    $automation: String, $own: Boolean! = false) {
  checkUsage(provider: $provider, model: $model, estimatedInputTokens: $in, estimatedOutputTokens: $out,
      estimatedCostUsd: $cost, automation: $automation, usedOwnApiKey: $own) {
    allowed estimatedCostUsd quota { id } quotas { id remaining }
  }
}
"""
CHANGED = """
subscription($after: Cursor) { usageQuotaChanged(after: $after) { op usageQuota { used warnedAt exceededAt } } }
"""
CALL = {"provider": "openai", "model": "gpt-large"}


@pytest.fixture(autouse=True, scope="module")
async def prices(database: Database) -> None:
    await import_into(database)


async def quota(user: Client, limit: Any, unit: str = "TOKENS", period: str = "DAY", **values: Any) -> str:
    made = await user.make("createUsageQuota", "usageQuota", unit=unit, period=period, limit=str(limit), **values)
    return str(made["id"])


async def states(user: Client) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await user.data(QUOTAS))["viewer"]["usageQuotas"]["nodes"]
    return nodes


async def amounts(user: Client) -> list[tuple[int, ...]]:
    """What is used, reserved and left of each quota. All are whole numbers."""
    return [tuple(int(each[name]) for name in ("used", "reserved", "remaining")) for each in await states(user)]


async def reserve(user: Client, **values: Any) -> dict[str, Any]:
    return await user.make("reserveUsage", "usageReservation", "id status estimatedCostUsd", **{**CALL, **values})


async def refused(user: Client, **values: Any) -> dict[str, Any]:
    payload = await user.mutate("reserveUsage", "usageReservation { id }", **{**CALL, **values})
    assert payload["usageReservation"] is None
    (error,) = payload["userErrors"]
    return dict(error)


async def record(user: Client, **values: Any) -> dict[str, Any]:
    return await user.make("recordUsage", "usageLog", "id isOverQuota costUsd", **{**CALL, **values})


async def provider_key(user: Client, provider: str = "openai") -> str:
    """A key of the user's own, with a configuration of the provider if there is none."""
    made = await user.make("createProviderKey", "providerKey", provider=provider, apiKey=f"sk-{uuid.uuid4().hex}")
    return str(made["id"])


async def status(user: Client, id: str) -> str:
    found = await user.data("query($id: ID!) { usageReservation(id: $id) { status } }", id=id)
    return str(found["usageReservation"]["status"])


async def test_a_reservation_is_held_settled_and_refused(user: Client) -> None:
    await quota(user, 100)
    held = await reserve(user, estimatedInputTokens=40, estimatedOutputTokens=20)
    assert held["status"] == "HELD"
    assert await amounts(user) == [(0, 60, 40)]
    error = await refused(user, estimatedInputTokens=41)
    assert (error["code"], error["field"]) == ("CONFLICT", ["estimatedInputTokens"])
    assert error["message"].startswith(
        "Your quota of 100 tokens per day has 40 left (0 used, 60 reserved), and the call needs 41: it resets at 20"
    )
    log = await record(user, id=held["id"], inputTokens=30, outputTokens=20)
    assert log["isOverQuota"] is False
    assert await status(user, held["id"]) == "SETTLED"
    assert await amounts(user) == [(50, 0, 50)]
    await reserve(user, estimatedInputTokens=50)


async def test_an_estimate_in_dollars_comes_from_the_prices(user: Client) -> None:
    id = await quota(user, "0.05", "USD", "MONTH")
    assert (await reserve(user, estimatedInputTokens=1000, estimatedOutputTokens=1000))["estimatedCostUsd"] == "0.04"
    checked = (await user.data(CHECK, **{"in": 1000}))["checkUsage"]
    assert checked == {
        "allowed": True,
        "estimatedCostUsd": "0.01",
        "quota": None,
        "quotas": [{"id": id, "remaining": "0.01"}],
    }
    checked = (await user.data(CHECK, **{"in": 1001}))["checkUsage"]
    assert (checked["allowed"], checked["estimatedCostUsd"], checked["quota"]) == (False, "0.01001", {"id": id})
    error = await refused(user, model="unheard-of", estimatedInputTokens=1)
    assert (error["code"], error["field"]) == ("INVALID", ["estimatedCostUsd"])
    assert (await user.data(CHECK, model="unheard-of"))["checkUsage"]["allowed"] is False
    assert (await reserve(user, model="unheard-of", estimatedCostUsd="0.01"))["status"] == "HELD"


async def test_the_same_reservation_again_is_held_once(user: Client) -> None:
    await quota(user, 100)
    values: dict[str, Any] = {"id": str(uuid.uuid4()), "estimatedInputTokens": 60}
    for _ in range(3):
        assert (await reserve(user, **values))["status"] == "HELD"
    assert await amounts(user) == [(0, 60, 40)]
    other = {**CALL, **values, "estimatedInputTokens": 10}
    payload = await user.mutate("reserveUsage", "usageReservation { estimatedInputTokens }", **other)
    assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [("CONFLICT", ["id"])]
    assert payload["usageReservation"] == {"estimatedInputTokens": 60}
    await record(user, id=values["id"], inputTokens=10)
    assert (await reserve(user, **values))["status"] == "SETTLED"
    assert await amounts(user) == [(10, 0, 90)]


async def test_a_released_reservation_holds_nothing(user: Client) -> None:
    await quota(user, 100)
    held = await reserve(user, estimatedInputTokens=100)
    assert (await refused(user, estimatedInputTokens=1))["code"] == "CONFLICT"
    for _ in range(2):
        assert (await user.make("releaseUsage", "usageReservation", "status", id=held["id"]))["status"] == "RELEASED"
    assert await amounts(user) == [(0, 0, 100)]
    await record(user, id=held["id"], inputTokens=30)
    assert await status(user, held["id"]) == "SETTLED"
    payload = await user.mutate("releaseUsage", "usageReservation { id }", id=held["id"])
    assert [each["code"] for each in payload["userErrors"]] == ["CONFLICT"]
    payload = await user.mutate("releaseUsage", "usageReservation { id }", id=str(uuid.uuid4()))
    assert [each["code"] for each in payload["userErrors"]] == ["NOT_FOUND"]


async def test_a_recorded_call_can_be_neither_reserved_nor_released(user: Client) -> None:
    held = await reserve(user, estimatedInputTokens=1)
    await record(user, id=held["id"])
    payload = await user.mutate("releaseUsage", "usageReservation { id }", id=held["id"])
    assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [("CONFLICT", ["id"])]
    log = await record(user)
    assert (await refused(user, id=log["id"]))["field"] == ["id"]


async def test_more_than_was_reserved_is_taken_and_marked(user: Client) -> None:
    await quota(user, 100)
    one, other = [await reserve(user, estimatedInputTokens=50) for _ in range(2)]
    assert (await record(user, id=one["id"], inputTokens=51))["isOverQuota"] is True
    assert await amounts(user) == [(51, 50, 0)]
    assert (await record(user, id=other["id"], inputTokens=49))["isOverQuota"] is False
    assert (await record(user, inputTokens=1))["isOverQuota"] is True
    assert await amounts(user) == [(101, 0, 0)]
    assert (await record(user, inputTokens=0, outputTokens=0))["isOverQuota"] is True


async def test_each_item_of_a_list_is_metered_in_its_order(user: Client) -> None:
    await quota(user, 2, "REQUESTS")
    await provider_key(user)
    held = await reserve(user)
    items = [{**CALL}, {**CALL, "id": held["id"]}, {**CALL}, {**CALL, "usedOwnApiKey": True}]
    made = await user.mutate("recordUsages", "usageLogs { isOverQuota }", items=items)
    assert [each["isOverQuota"] for each in made["usageLogs"]] == [False, False, True, False]
    assert await amounts(user) == [(3, 0, 0)]
    assert await status(user, held["id"]) == "SETTLED"


async def test_a_quota_is_noted_once_at_eighty_percent_and_beyond_the_limit(user: Client) -> None:
    await quota(user, 100, mode="SOFT")
    after = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    for tokens in (79, 1, 20):
        assert (await record(user, inputTokens=tokens))["isOverQuota"] is False
    (state,) = await states(user)
    assert (state["warnedAt"] is not None, state["exceededAt"]) == (True, None)
    for _ in range(2):
        assert (await record(user, inputTokens=5))["isOverQuota"] is False
    (state,) = await states(user)
    assert state["exceededAt"] > state["warnedAt"]
    async with user.socket() as socket:
        events = await socket.subscribe(CHANGED, after=after)
        (event,) = await first(events, 1)
    # The events so far are told as one, in the present state.
    assert event["usageQuotaChanged"]["usageQuota"] == {
        "used": "110",
        "warnedAt": state["warnedAt"],
        "exceededAt": state["exceededAt"],
    }
    updated = await user.make("updateUsageQuota", "usageQuota", "warnedAt exceededAt", id=state["id"], limit="200")
    assert updated == {"warnedAt": None, "exceededAt": None}
    assert (await reserve(user, estimatedInputTokens=1000))["status"] == "HELD"


async def test_own_keys_count_where_the_quota_says_so(user: Client) -> None:
    await provider_key(user)
    await quota(user, 10, "REQUESTS")
    await quota(user, 10, "REQUESTS", countsOwnKey=True)
    await record(user, usedOwnApiKey=True)
    await reserve(user, usedOwnApiKey=True)
    assert await amounts(user) == [(0, 0, 10), (1, 1, 8)]


OWN = "id isOverQuota usedOwnApiKey"


async def test_saying_that_it_was_an_own_key_evades_no_quota(user: Client, stranger: Client) -> None:
    await provider_key(stranger)
    await quota(user, 100)

    async def counts(**values: Any) -> None:
        """The call counts although it names a key of one's own."""
        assert (await user.data(CHECK, own=True, **{"in": 101}))["checkUsage"]["allowed"] is False
        assert (await refused(user, usedOwnApiKey=True, estimatedInputTokens=101))["code"] == "CONFLICT"
        given = {**CALL, "inputTokens": 101, **values}
        counted = {"isOverQuota": True, "usedOwnApiKey": False}
        one = await user.make("recordUsage", "usageLog", OWN, **given)
        many: Any = await user.make("recordUsages", "usageLogs", OWN, items=[given, given])
        assert [{**each, **counted} for each in (one, *many)] == [one, *many]

    await counts(usedOwnApiKey=True)
    await provider_key(user, "anthropic")
    await counts(usedOwnApiKey=True)
    mine = await provider_key(user)
    await user.make("updateProviderKey", "providerKey", id=mine, isActive=False)
    await counts(usedOwnApiKey=True)
    assert await amounts(user) == [(101 * 9, 0, 0)]


async def test_a_call_with_an_own_key_counts_as_one(user: Client) -> None:
    await quota(user, 100)
    mine = await provider_key(user)
    assert (await user.data(CHECK, own=True, **{"in": 101}))["checkUsage"]["allowed"] is True
    await reserve(user, usedOwnApiKey=True, estimatedInputTokens=101)
    for own in ({"usedOwnApiKey": True}, {"apiKeyId": mine}):
        given = {**CALL, "inputTokens": 101, **own}
        one = await user.make("recordUsage", "usageLog", OWN, **given)
        many: Any = await user.make("recordUsages", "usageLogs", OWN, items=[given, {**CALL}])
        assert [(each["isOverQuota"], each["usedOwnApiKey"]) for each in (one, *many)] == [
            (False, True),
            (False, True),
            (False, False),
        ]
        # The key may have been turned off between the call and its entry.
        await user.make("updateProviderKey", "providerKey", id=mine, isActive=False)
    assert await amounts(user) == [(0, 0, 100)]


async def test_deleted_quotas_limit_nothing(user: Client) -> None:
    id = await quota(user, 1)
    assert (await refused(user, estimatedInputTokens=2))["code"] == "CONFLICT"
    await user.make("deleteUsageQuota", "usageQuota", id=id)
    await reserve(user, estimatedInputTokens=2)
    assert (await record(user, inputTokens=2))["isOverQuota"] is False
    await user.make("restoreUsageQuota", "usageQuota", id=id)
    assert await amounts(user) == [(2, 2, 0)]


async def test_the_state_of_all_quotas_takes_one_statement(user: Client) -> None:
    for unit in ("TOKENS", "REQUESTS"):
        for period in ("HOUR", "DAY", "MONTH", "TOTAL"):
            await quota(user, 10, unit, period)
    user.statements.texts.clear()
    resets = [each["resetsAt"] for each in await states(user)]
    assert len([text for text in user.statements.texts if "usage_quota_state" in text]) == 1
    assert [each is None for each in resets] == [False, False, False, True] * 2


async def test_each_mutation_of_an_operation_shows_what_is_left_after_it(user: Client) -> None:
    id = await quota(user, 10, "REQUESTS")
    note = f'updateUsageQuota(input: {{ id: "{id}", mode: HARD }}) {{ usageQuota {{ remaining }} }}'
    call = 'reserveUsage(input: { provider: "openai", model: "any" }) { usageReservation { id } }'
    made = await user.data(f"mutation {{ a: {note} b: {call} c: {note} d: {call} e: {note} }}")
    assert [made[name]["usageQuota"]["remaining"] for name in "ace"] == ["10", "9", "8"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"limit": "0"}, ["limit"]),
        ({"limit": "-1"}, ["limit"]),
        ({"limit": "1.5"}, ["limit"]),
        ({"unit": "BYTES", "provider": "openai"}, ["unit"]),
        ({"provider": ""}, ["provider"]),
        ({"model": "x" * 101}, ["model"]),
    ],
    ids=str,
)
async def test_a_wrong_quota_is_refused_by_field(user: Client, values: dict[str, Any], field: list[str]) -> None:
    values = {"unit": "TOKENS", "period": "DAY", "limit": "1", **values}
    payload = await user.mutate("createUsageQuota", "usageQuota { id }", **values)
    assert [(each["code"], each["field"]) for each in payload["userErrors"]] == [("INVALID", field)]


async def test_a_user_has_at_most_a_hundred_quotas(user: Client) -> None:
    for number in range(1, 101):
        id = await quota(user, number)
    values = {"unit": "TOKENS", "period": "DAY", "limit": "101"}
    payload = await user.mutate("createUsageQuota", "usageQuota { id }", **values)
    assert [each["code"] for each in payload["userErrors"]] == ["CONFLICT"]
    await user.make("deleteUsageQuota", "usageQuota", id=id)
    await quota(user, 101)
    payload = await user.mutate("restoreUsageQuota", "usageQuota { id }", id=id)
    assert [each["code"] for each in payload["userErrors"]] == ["CONFLICT"]


@pytest.mark.parametrize("values", [{"in": -1}, {"out": 1_000_000_001}, {"cost": "-0.1"}, {"cost": "1000001"}], ids=str)
async def test_a_wrong_question_names_the_argument(user: Client, values: dict[str, Any]) -> None:
    (error,) = (await user.run(CHECK, **values))["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["message"].startswith("estimated")


async def test_a_quota_of_the_plan_is_not_the_users_to_change(
    user: Client, superuser: asyncpg.Connection, runtime: asyncpg.Connection
) -> None:
    async with superuser.transaction():
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
        id = await superuser.fetchval(
            'INSERT INTO usage_quotas (user_id, unit, period, "limit", set_by)'
            " VALUES (tenant(), 'tokens', 'day', 10, 'system') RETURNING id::text"
        )
    for field, values in (("updateUsageQuota", {"limit": "1000"}), ("deleteUsageQuota", {})):
        payload = await user.mutate(field, "usageQuota { id }", id=id, **values)
        (error,) = payload["userErrors"]
        assert (error["code"], error["field"]) == ("CONFLICT", ["id"])
        assert "belongs to your plan" in error["message"]
    await runtime.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
    for text in (
        'UPDATE usage_quotas SET "limit" = 1000',
        "UPDATE usage_quotas SET deleted_at = now()",
        "UPDATE usage_quotas SET set_by = 'user'",
        "DELETE FROM usage_quotas",
        "INSERT INTO usage_quotas (user_id, unit, period, \"limit\", set_by) SELECT tenant(), 'usd', 'day', 1, 'user'",
        "UPDATE usage_reservations SET expires_at = now()",
        "UPDATE usage_days SET requests = 0",
        "SELECT usage_logs_meter(tenant(), '{}', now())",
    ):
        for actor in ("user", "system", ""):
            await runtime.execute("SELECT set_config('app.actor', $1, true)", actor)
            with pytest.raises((asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError)):
                async with runtime.transaction():
                    await runtime.execute(text)
    assert [each["id"] for each in await states(user)] == [id]


async def test_a_stranger_sees_and_spends_nothing(user: Client, stranger: Client) -> None:
    id = await quota(user, 10)
    held = await reserve(user, estimatedInputTokens=10)
    payload = await stranger.mutate("updateUsageQuota", "usageQuota { id }", id=id, limit="99")
    assert [each["code"] for each in payload["userErrors"]] == ["NOT_FOUND"]
    payload = await stranger.mutate("releaseUsage", "usageReservation { id }", id=held["id"])
    assert [each["code"] for each in payload["userErrors"]] == ["NOT_FOUND"]
    await record(stranger, id=held["id"], inputTokens=5)
    assert await amounts(user) == [(0, 10, 0)]
    assert (await stranger.data(CHECK))["checkUsage"]["quotas"] == []
