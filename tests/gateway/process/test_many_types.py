"""The types of `tests.bench.many_types` are served like Parley's own, so what is measured with them is true."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.data.server.embedded import throw_away_directory
from tests.bench.many_types.served import Installation, Served
from tests.kit.other_server import embedded_only


async def ask(server: Served, query: str, token: str = "") -> Any:
    return orjson.loads(await server.ask(orjson.dumps({"query": query}), token))["data"]


@embedded_only
async def test_types_from_a_folder_are_served_like_others() -> None:
    with throw_away_directory("parley-types-") as folder:
        installation = Installation.of(2, folder / "two")
        async with installation.served() as server:
            account = 'signUp(input: { email: "a@example.org", password: "many types, one word" }) { accessToken }'
            token = (await ask(server, f"mutation {{ {account} }}"))["signUp"]["accessToken"]
            made = '{ title: "One", kind: PLAN, score: 7, labels: ["new"] }'
            written = f"mutation {{ createThing1(input: {made}) {{ thing1 {{ id }} userErrors {{ message }} }} }}"
            thing = (await ask(server, written, token))["createThing1"]["thing1"]
        # From here on it is a warm start: nothing is migrated.
        async with installation.served() as server:
            wanted = 'filter: { kind: [PLAN], titleContains: "one" }, orderBy: BEST'
            found = await ask(
                server, f"{{ things1(first: 5, {wanted}) {{ nodes {{ id labels tag {{ id }} }} }} }}", token
            )
            assert found == {"things1": {"nodes": [{**thing, "labels": ["new"], "tag": None}]}}
            named = await ask(server, f'{{ node(id: "{thing["id"]}") {{ ... on Thing1 {{ score }} }} }}', token)
            assert named == {"node": {"score": 7}}
