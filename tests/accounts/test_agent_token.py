"""The tokens of agents: made and revoked by a person, and refused once they no longer count."""

from __future__ import annotations

from typing import Any

from tests.kit.serving import Client

WHO = "{ viewer { id } }"
TOKENS = "{ viewer { agentTokens { nodes { id name lastFour scopes lastUsedAt expiresAt revokedAt } } } }"


async def refusal(client: Client) -> str:
    """Why the client's token is refused, which the gateway says with the status 401."""
    async with client.http.post(f"{client.url}/graphql", json={"query": WHO}, headers=client.headers) as response:
        answer = await response.json()
        assert response.status == 401, answer
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"
        message: str = error["message"]
        return message


async def tokens_of(user: Client) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await user.data(TOKENS))["viewer"]["agentTokens"]["nodes"]
    return nodes


async def test_an_agent_acts_for_the_user_until_its_token_is_revoked(user: Client) -> None:
    agent = await user.agent("read", name="Reviewer")
    assert await agent.data(WHO) == {"viewer": {"id": user.user_id}}
    (token,) = await tokens_of(user)
    assert (token["name"], token["scopes"], token["revokedAt"]) == ("Reviewer", ["read"], None)
    assert (agent.token or "")[-4:] == token["lastFour"]
    revoked = await user.make("revokeAgentToken", "agentToken", "id revokedAt", id=token["id"])
    assert revoked["revokedAt"] is not None
    assert await refusal(agent) == "The agent's token has been revoked."
    again = await user.make("revokeAgentToken", "agentToken", "id revokedAt", id=token["id"])
    assert again == revoked
