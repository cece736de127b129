"""The settings of a user: made with the account, changed without an id, by a person only."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest

from tests.kit.refused import Refusal, only_refusal, refusals
from tests.kit.rows import unchanged
from tests.kit.serving import Client, Serving, first

NEW: dict[str, Any] = {
    "windowPositionX": None,
    "windowPositionY": None,
    "windowWidth": 600,
    "windowHeight": None,
    "theme": "DARK",
    "keyboardShortcuts": {},
    "shareUsageData": False,
    "enableAnalytics": True,
    "autoSync": True,
    "syncFrequencyMinutes": 5,
    "enableNotifications": True,
    "archiveAfterMonths": None,
    "deleteAfterMonths": None,
    "maxMessagesPerConversation": 1000,
}
"""The settings of a new user."""

SETTINGS = " ".join(NEW)


async def read(client: Client, selection: str = SETTINGS) -> Any:
    return (await client.data(f"{{ viewer {{ settings {{ {selection} }} }} }}"))["viewer"]["settings"]


async def update(client: Client, selection: str = SETTINGS, /, **values: Any) -> dict[str, Any]:
    return await client.make("updateUserSettings", "userSettings", selection, **values)


async def test_a_new_user_has_settings(serving: Serving, user: Client) -> None:
    made = await read(user, f"id version createdAt {SETTINGS}")
    assert {name: made[name] for name in NEW} == NEW
    assert made["id"] != user.user_id
    node = "query($id: ID!) { node(id: $id) { __typename ... on UserSettings { theme } } }"
    assert (await user.data(node, id=made["id"]))["node"] == {"__typename": "UserSettings", "theme": "DARK"}
    stranger = await serving.signed_up()
    assert (await stranger.data(node, id=made["id"]))["node"] is None
    assert await read(stranger, "id") != {"id": made["id"]}


async def test_settings_are_read_with_the_user_in_two_statements(user: Client) -> None:
    expect = {"viewer": {"email": (await user.data("{ viewer { email } }"))["viewer"]["email"], "settings": NEW}}
    await user.check(f"{{ viewer {{ email settings {{ {SETTINGS} }} }} }}", expect=expect, statements=2)


async def test_all_settings_are_changed_and_reset(user: Client) -> None:
    values = {
        "windowPositionX": -1920,
        "windowPositionY": 30,
        "windowWidth": 800,
        "windowHeight": 500,
        "theme": "AUTO",
        "keyboardShortcuts": {"toggle_visibility": "Ctrl+Space", "move_up": "Ctrl+ä"},
        "shareUsageData": True,
        "enableAnalytics": False,
        "autoSync": False,
        "syncFrequencyMinutes": 60,
        "enableNotifications": False,
        "archiveAfterMonths": 6,
        "deleteAfterMonths": 24,
        "maxMessagesPerConversation": 50,
    }
    await user.check(
        f"mutation($v: UpdateUserSettingsInput!) {{"
        f" updateUserSettings(input: $v) {{ userSettings {{ {SETTINGS} }} }} }}",
        v=values,
        expect={"updateUserSettings": {"userSettings": values}},
        statements=1,
    )
    assert await read(user) == values
    assert await update(user, theme="LIGHT") == {**values, "theme": "LIGHT"}
    assert await update(user, **dict.fromkeys(values)) == {**NEW, "maxMessagesPerConversation": None}


async def test_a_stale_version_changes_nothing(user: Client, superuser: asyncpg.Connection) -> None:
    old = (await read(user, "version"))["version"]
    new = (await update(user, "version", theme="LIGHT", expectedVersion=old))["version"]
    async with unchanged(superuser, user.user_id):
        payload = await user.mutate("updateUserSettings", "userSettings { theme }", theme="AUTO", expectedVersion=old)
        message = f"This object has changed since version {old}: it is at version {new}."
        assert refusals(payload) == [Refusal("CONFLICT", "expectedVersion", message)]
        assert payload["userSettings"] == {"theme": "LIGHT"}
        payload = await user.mutate("updateUserSettings")
        assert [error["message"] for error in payload["userErrors"]] == ["Set at least one value to change."]


MONTHS = "The months are between 1 and 120."


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"windowPositionX": -100_001}, "windowPositionX", "A window position is between -100000 and 100000."),
        ({"windowWidth": 0}, "windowWidth", "A window width is between 1 and 100000."),
        ({"syncFrequencyMinutes": 1441}, "syncFrequencyMinutes", "A sync frequency is between 1 and 1440 minutes."),
        ({"archiveAfterMonths": 121}, "archiveAfterMonths", MONTHS),
        ({"deleteAfterMonths": 0}, "deleteAfterMonths", MONTHS),
        (
            {"archiveAfterMonths": 6, "deleteAfterMonths": 5},
            "deleteAfterMonths",
            "Conversations are not deleted before they are archived.",
        ),
        (
            {"maxMessagesPerConversation": 0},
            "maxMessagesPerConversation",
            "The number of messages must be greater than 0.",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_value_out_of_range_is_refused(
    user: Client, superuser: asyncpg.Connection, values: dict[str, Any], field: str, message: str
) -> None:
    async with unchanged(superuser, user.user_id):
        payload = await user.mutate("updateUserSettings", "userSettings { id }", **values)
        assert refusals(payload) == [Refusal("INVALID", field, message)]


@pytest.mark.parametrize(
    "shortcuts",
    [
        [],
        "text",
        {"Upper": "x"},
        {"": "x"},
        {"a" * 51: "x"},
        {"a": ""},
        {"a": "x" * 51},
        {"a": 1},
        {"a": None},
        {"a": {"b": "c"}},
        {"a": ["b"]},
        {"a": "fine", "b": "two\nlines"},
        {f"{'a' * 40}{n:06}".translate(str.maketrans("0123456789", "abcdefghij")): "x" * 50 for n in range(800)},
    ],
    ids=lambda value: str(value)[:30],
)
async def test_odd_shortcuts_are_refused(user: Client, shortcuts: Any) -> None:
    payload = await user.mutate("updateUserSettings", "userSettings { id }", keyboardShortcuts=shortcuts)
    (refusal,) = refusals(payload)
    assert (refusal.code, refusal.field) == ("INVALID", "keyboardShortcuts")
    assert await read(user, "keyboardShortcuts") == {"keyboardShortcuts": {}}


async def test_an_agent_reads_settings_and_cannot_change_them(user: Client, superuser: asyncpg.Connection) -> None:
    agent = await user.agent("read")
    assert await read(agent) == NEW
    async with unchanged(superuser, user.user_id):
        for mutation, input in (("updateUserSettings", "{theme: LIGHT}"), ("updateUser", '{fullName: "Agent"}')):
            answer = await agent.run(f"mutation {{ {mutation}(input: {input}) {{ userErrors {{ message }} }} }}")
            message = f"Only a person can use Mutation.{mutation}. Agents' tokens are refused."
            assert only_refusal(answer) == Refusal("FORBIDDEN", None, message)


async def test_each_change_reaches_a_subscriber(user: Client) -> None:
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    subscription = (
        "subscription($c: Cursor) { userSettingsChanged(after: $c) { op userSettings { theme windowWidth } } }"
    )
    async with user.socket() as socket:
        events = await socket.subscribe(subscription, c=cursor)
        await update(user, theme="LIGHT")
        await update(user, windowWidth=900)
        got = [event["userSettingsChanged"] for event in await first(events, 2)]
    assert [event["op"] for event in got] == ["UPDATED", "UPDATED"]
    assert got[-1]["userSettings"] == {"theme": "LIGHT", "windowWidth": 900}


async def test_the_making_is_in_the_feed(user: Client) -> None:
    async with user.socket() as socket:
        events = await socket.subscribe(
            'subscription { userSettingsChanged(after: "1.0") { op userSettings { theme } } }'
        )
        assert await first(events, 1) == [{"userSettingsChanged": {"op": "CREATED", "userSettings": {"theme": "DARK"}}}]


async def test_changes_at_the_same_time_are_all_kept(user: Client) -> None:
    values: list[dict[str, Any]] = [
        {"windowWidth": 700},
        {"theme": "AUTO"},
        {"autoSync": False},
        {"archiveAfterMonths": 3},
    ]
    await asyncio.gather(*(update(user, **value) for value in values))
    assert await read(user) == {**NEW, **{key: item for value in values for key, item in value.items()}}


async def test_new_conversations_take_what_the_user_prefers(user: Client) -> None:
    chosen = "provider model maxMessages"

    async def made(**values: Any) -> tuple[Any, ...]:
        return tuple((await user.make("createConversation", "conversation", chosen, **values)).values())

    assert await made() == ("openai", "gpt-4o-mini", 1000)
    assert await made(maxMessages=None) == ("openai", "gpt-4o-mini", 1000)
    await update(user, maxMessagesPerConversation=7)
    await user.make("updateUser", "user", defaultProvider="anthropic", defaultModel="claude")
    assert await made() == ("anthropic", "claude", 7)
    assert await made(provider="openai", model="gpt-5", maxMessages=3) == ("openai", "gpt-5", 3)
    await update(user, maxMessagesPerConversation=None)
    await user.make("updateUser", "user", defaultProvider=None, defaultModel=None)
    assert await made() == ("openai", "gpt-4o-mini", None)


async def test_older_accounts_get_what_each_user_has_one_of(superuser: asyncpg.Connection, user: Client) -> None:
    """In a migration, which runs as the owner and is shown no user's rows."""
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute("""
            SET LOCAL ROLE parley_owner;
            CREATE TABLE user_tastes (
                user_id uuid NOT NULL REFERENCES users (user_id), id uuid DEFAULT uuid7(), tea boolean DEFAULT true);
            SELECT one_per_user('user_tastes');
            RESET ROLE;
        """)
        text = "SELECT count(*) FROM users FULL JOIN {} AS t USING (user_id) WHERE t.id IS NULL OR email IS NULL"
        for table in ("user_tastes", "user_settings"):
            assert await superuser.fetchval(text.format(table)) == 0
        assert await superuser.fetchval("SELECT tea FROM user_tastes WHERE user_id = $1", uuid.UUID(user.user_id))
        forced = "SELECT relforcerowsecurity FROM pg_class WHERE relname IN ('users', 'user_tastes')"
        assert [row[0] for row in await superuser.fetch(forced)] == [True, True]
        id = uuid.uuid4()
        await superuser.execute("INSERT INTO users (user_id, id, email) VALUES ($1, $1, 'late@example.org')", id)
        for table in ("user_tastes", "user_settings"):
            assert await superuser.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1", id) == 1  # noqa: S608
            with pytest.raises(asyncpg.UniqueViolationError):
                async with superuser.transaction():
                    await superuser.execute(f"INSERT INTO {table} (user_id) VALUES ($1)", id)  # noqa: S608
            rights = "SELECT has_table_privilege('parley_runtime', $1, right_) FROM unnest($2::text[]) AS right_"
            held = await superuser.fetch(rights, table, ["SELECT", "UPDATE", "INSERT", "DELETE"])
            assert [row[0] for row in held] == [True, True, False, False]
    finally:
        await transaction.rollback()
