"""What finding an object of any type costs beside finding a conversation."""

from __future__ import annotations

import statistics

from gateway.telemetry.progress import step
from tests.bench.many_types.served import Installation, User

GOAL = 1.3
"""How many times the cost of `conversation(id)` that of `node(id)` may be, where the selection names the type."""

CONVERSATION = "conversation(id: $id) { __typename id title createdAt }"
KINDS = {
    "conversation": CONVERSATION,
    "node, one type named": "node(id: $id) { __typename id ... on Conversation { title createdAt } }",
    "node, two types named": "node(id: $id) { id ... on Message { content } ... on Conversation { title createdAt } }",
    "node, another type named": "node(id: $id) { __typename id ... on Message { content } }",
    "node, no type named": "node(id: $id) { __typename id createdAt }",
    "nodes, one type named": "nodes(ids: [$id]) { __typename id ... on Conversation { title createdAt } }",
    "conversation with messages": "conversation(id: $id) { title messages(first: 5) { nodes { id content } } }",
    "node with messages": "node(id: $id) { ... on Conversation { title messages(first: 5) { nodes { id content } } } }",
}


async def measure(installation: Installation, user: User, rounds: int, seconds: float) -> None:
    """Measure, and print a table."""
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    async with installation.served() as server:
        requests = {kind: user.requests(server, selection) for kind, selection in KINDS.items()}
        with step("Measuring `node`"):
            for number in range(-1, rounds):
                for kind in KINDS:
                    cost = await server.cost(requests[kind], seconds)
                    if number >= 0:
                        found[kind].append(cost)
    base: dict[str, float] = {}
    print(f"\n{installation.types} types besides Parley's own; CPU in microseconds for one request\n")
    print(f"{'':28}{'gateway':>10}{'database':>10}{'both':>10}{'ratio':>8}{'goal':>8}")
    for kind, costs in found.items():
        gateway, database = (statistics.median(column) * 1e6 for column in zip(*costs, strict=True))
        base[kind] = gateway + database
        ratio = base[kind] / base["conversation with messages" if "messages" in kind else "conversation"]
        goal = f"{GOAL:8.2f}" if kind == "node, one type named" else ""
        print(f"{kind:28}{gateway:10.0f}{database:10.0f}{base[kind]:10.0f}{ratio:8.2f}{goal}")
