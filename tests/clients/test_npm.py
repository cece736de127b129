"""The JavaScript clients `graphql-ws`, `graphql-sse` and Apollo Client, run by Node against a real gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.clients.node import NODE, SCRIPTS, Script, script
from tests.kit.network.line import Line, line_to
from tests.kit.serving import Client, Serving, short_lived_token

if NODE is None:
    pytest.skip("no Node on this machine", allow_module_level=True)
if not (SCRIPTS / "node_modules").is_dir():
    pytest.skip("the npm clients are not installed: make test", allow_module_level=True)


@asynccontextmanager
async def running(name: str, line: Line, user: Client, **given: Any) -> AsyncIterator[Script]:
    """A script that acts for a user; its sockets go through the line, its requests do not."""
    addresses = {"http": f"{user.url}/graphql", "socket": f"{line.url.replace('http', 'ws')}/graphql"}
    tokens = {"accessToken": user.token, "refreshToken": user.refresh_token}
    async with script(name, **{**addresses, **tokens, "after": await cursor(user), **given}) as started:
        yield started


async def cursor(user: Client) -> Any:
    return (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]


async def conversation(user: Client, **values: Any) -> str:
    id: str = (await user.make("createConversation", "conversation", **values))["id"]
    return id


async def send(user: Client, conversation: str, content: str) -> None:
    await user.make("addMessage", "message", conversationId=conversation, role="USER", content=content)


async def get_what_was_missed(subscriber: Script, line: Line, user: Client, to: str) -> None:
    """A subscriber whose line is cut, and who has had one message, gets the others once it is mended, and goes on."""
    await send(user, to, "missed")
    await send(user, to, "missed too")
    await line.refused.wait()
    line.mend()
    assert await subscriber.until("event") == {"seq": 2, "content": "missed"}
    assert await subscriber.until("event") == {"seq": 3, "content": "missed too"}
    await send(user, to, "live again")
    assert await subscriber.until("event") == {"seq": 4, "content": "live again"}


class TestGraphqlWs:
    """`graphql-ws` alone: one subscription, whatever becomes of its sockets."""

    async def test_after_a_cut_it_gets_what_it_missed_and_goes_on_live(self, user: Client) -> None:
        to = await conversation(user)
        async with line_to(user.url) as line, running("live.mjs", line, user) as subscriber:
            await send(user, to, "live")
            assert await subscriber.until("event") == {"seq": 1, "content": "live"}
            line.cut()
            assert await subscriber.until("closed") == 1006
            await get_what_was_missed(subscriber, line, user, to)

    async def test_when_its_token_ends_it_fetches_a_new_one_and_misses_nothing(
        self, serving: Serving, user: Client
    ) -> None:
        to = await conversation(user)
        short = await short_lived_token(serving, user)
        async with line_to(user.url) as line, running("live.mjs", line, user, accessToken=short) as subscriber:
            assert await subscriber.until("closed") == 4403
            await send(user, to, "while it was away")
            assert await subscriber.until("renewed")
            assert await subscriber.until("event") == {"seq": 1, "content": "while it was away"}

    async def test_a_token_that_is_refused_at_once_is_replaced_too(self, user: Client) -> None:
        to = await conversation(user)
        async with line_to(user.url) as line, running("live.mjs", line, user, accessToken="stale") as subscriber:
            assert await subscriber.until("closed") == 4403
            assert await subscriber.until("renewed")
            await send(user, to, "hello")
            assert await subscriber.until("event") == {"seq": 1, "content": "hello"}

    async def test_queries_and_mutations_run_on_the_same_socket(self, user: Client) -> None:
        async with line_to(user.url) as line, running("live.mjs", line, user) as subscriber:
            create = (
                'mutation { createConversation(input: {title: "Made"}) { conversation { title } userErrors { code } } }'
            )
            subscriber.say({"query": create})
            made = {"createConversation": {"conversation": {"title": "Made"}, "userErrors": []}}
            assert await subscriber.until("answer") == {"data": made}
            subscriber.say({"query": "{ viewer { conversations { totalCount } } }"})
            assert await subscriber.until("answer") == {"data": {"viewer": {"conversations": {"totalCount": 1}}}}

    async def test_a_refused_operation_arrives_as_a_list_of_errors(self, user: Client) -> None:
        async with line_to(user.url) as line, running("live.mjs", line, user) as subscriber:
            subscriber.say({"query": "{ viewer { nothing } }"})
            (refusal,) = await subscriber.until("refusal")
            assert "Cannot query field" in refusal["message"]
            subscriber.say({"query": 'subscription { messageAdded(after: "1.999999") { cursor } }'})
            (refusal,) = await subscriber.until("refusal")
            assert refusal["extensions"]["code"] == "RESYNC"


class TestGraphqlSse:
    """`graphql-sse` in its distinct connections mode: a stream for each operation."""

    async def test_after_a_cut_it_gets_what_it_missed_and_goes_on_live(self, user: Client) -> None:
        to = await conversation(user)
        async with line_to(user.url) as line, running("stream.mjs", line, user) as subscriber:
            await send(user, to, "live")
            assert await subscriber.until("event") == {"seq": 1, "content": "live"}
            line.cut()
            assert await subscriber.until("closed")
            await get_what_was_missed(subscriber, line, user, to)

    async def test_when_its_token_ends_it_fetches_a_new_one_and_misses_nothing(
        self, serving: Serving, user: Client
    ) -> None:
        to = await conversation(user)
        short = await short_lived_token(serving, user)
        async with line_to(user.url) as line, running("stream.mjs", line, user, accessToken=short) as subscriber:
            assert await subscriber.until("closed")
            await send(user, to, "while it was away")
            assert await subscriber.until("renewed")
            assert await subscriber.until("event") == {"seq": 1, "content": "while it was away"}

    async def test_queries_and_mutations_run_on_streams(self, user: Client) -> None:
        async with line_to(user.url) as line, running("stream.mjs", line, user) as subscriber:
            create = (
                'mutation { createConversation(input: {title: "Made"}) { conversation { title } userErrors { code } } }'
            )
            subscriber.say({"query": create})
            made = {"createConversation": {"conversation": {"title": "Made"}, "userErrors": []}}
            assert await subscriber.until("answer") == {"data": made}
            assert await subscriber.until("answered")
            subscriber.say({"query": "{ viewer { nothing } }"})
            (error,) = (await subscriber.until("answer"))["errors"]
            assert "Cannot query field" in error["message"]
            assert await subscriber.until("answered")


class TestApollo:
    """Apollo Client with its HTTP link, its link to `graphql-ws`, and its cache."""

    async def test_the_cache_knows_objects_by_type_and_id(self, user: Client) -> None:
        to = await conversation(user, title="Before")
        async with line_to(user.url) as line, running("cache.mjs", line, user, conversation=to) as application:
            shown = await application.until("shown")
            assert shown == {
                "__typename": "Conversation",
                "id": to,
                "title": "Before",
                "messageCount": 0,
                "lastMessage": None,
            }
            await application.until("again")
            assert application.heard[-1] == {"again": "Before", "requests": 1}
            # A mutation's answer reaches the query that is being watched, without a second request for it.
            assert (await application.until("shown"))["title"] == "Renamed"
            await application.until("invalid")

            await send(user, to, "hello")
            assert (await application.until("shown"))["messageCount"] == 1
            application.say("what is in the cache?")
            cached = await application.until("cache")
            assert f"Conversation:{to}" in cached
            assert len([key for key in cached if key.startswith("Message:")]) == 1

    async def test_errors_and_user_errors_arrive_as_such(self, user: Client) -> None:
        to = await conversation(user, title="Before")
        async with line_to(user.url) as line, running("cache.mjs", line, user, conversation=to) as application:
            assert (await application.until("renamed"))["userErrors"] == []
            refused = await application.until("refused")
            assert refused["conversation"] is None
            assert [(e["code"], e["field"]) for e in refused["userErrors"]] == [("INVALID", ["title"])]
            failure = await application.until("failure")
            assert failure["combined"]
            assert failure["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
            assert failure["errors"][0]["path"] == ["viewer", "conversations"]
            assert "Cannot query field" in (await application.until("invalid"))["errors"][0]["message"]

    async def test_after_a_cut_its_subscription_goes_on_from_the_last_cursor(self, user: Client) -> None:
        to = await conversation(user)
        async with line_to(user.url) as line, running("cache.mjs", line, user, conversation=to) as application:
            await send(user, to, "live")
            assert await application.until("event") == "live"
            line.cut()
            await line.refused.wait()
            await send(user, to, "missed")
            line.mend()
            assert await application.until("event") == "missed"
            await send(user, to, "live again")
            assert await application.until("event") == "live again"
            said = [line["event"] for line in application.heard if "event" in line]
            assert said == ["live", "missed", "live again"]

    @pytest.mark.parametrize("get", [False, True], ids=["POST", "GET"])
    async def test_it_sends_the_hash_alone_once_the_text_is_known(self, serving: Serving, get: bool) -> None:
        user = await serving.signed_up()
        ids = [await conversation(user, title=title) for title in ("First", "Second")]
        method = "GET" if get else "POST"
        async with line_to(user.url) as line, running("persisted.mjs", line, user, get=get) as application:
            titles = []
            for id in ids:
                application.say(id)
                titles.append(await application.until("title"))
            assert titles == ["First", "Second"]
            assert [line["request"] for line in application.heard if "request" in line] == [
                [method, False, 200],
                ["POST" if get else method, True, 200],
                [method, False, 200],
            ]


class TestUrql:
    """`@urql/core` with its own exchanges, which accept an event stream beside JSON with each request."""

    @pytest.mark.parametrize("get", [False, "within-url-limit"], ids=["POST", "GET"])
    async def test_a_thousand_queries_run_without_one_failure(self, user: Client, get: str | bool) -> None:
        to = await conversation(user, title="Asked")
        given = {"conversation": to, "queries": 1_000, "get": get}
        async with line_to(user.url) as line, running("urql.mjs", line, user, **given) as application:
            assert sum([await application.until("asked") for _ in range(50)]) == 1_000
            assert await application.until("failures") == []
            assert await application.until("added") == {"addMessage": {"message": {"seq": 1}, "userErrors": []}}
            assert await application.until("refused") == ["GRAPHQL_VALIDATION_FAILED"]
            while not (seen := [each for each in application.heard if "event" in each]):
                application.say("anybody there?")
                await application.until("event")
            assert "error" not in seen[0]
            application.say(None)
            types = await application.until("types")
        method, asked = ("GET" if get else "POST"), "application/graphql-response+json; charset=utf-8"
        assert types[f"{method} 200 {asked}"] >= 1_000
        assert sum(count for kind, count in types.items() if "event-stream" in kind) == 1
        assert {kind.partition(" ")[2] for kind in types} == {
            f"200 {asked}",
            f"400 {asked}",
            "200 text/event-stream; charset=utf-8",
        }
