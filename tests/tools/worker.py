"""A worker as a process of its own: it starts a tool execution, and renews its lease until it is told to complete it.

It prints `attempt N` when it has started, `renewed` after each renewal, and `completed` or the reason of a refusal.
"""

from __future__ import annotations

import json
import select
import sys
import urllib.request
from typing import Any


def main(url: str, token: str, id: str, name: str) -> None:
    """Run an execution until a line arrives on the standard input."""

    def mutate(verb: str, **values: Any) -> Any:
        field = f"{verb}ToolExecution"
        text = (
            f"mutation($input: {field[0].upper()}{field[1:]}Input!)"
            f" {{ it: {field}(input: $input) {{ toolExecution {{ attempt }} userErrors {{ message }} }} }}"
        )
        body = json.dumps({"query": text, "variables": {"input": {"id": id, **values}}}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{url}/graphql", body, headers)) as answer:  # noqa: S310
            return json.load(answer)["data"]["it"]

    started = mutate("start", worker=name, leaseSeconds=5)
    if started["userErrors"]:
        print(started["userErrors"][0]["message"], flush=True)
        return
    attempt = started["toolExecution"]["attempt"]
    print("attempt", attempt, flush=True)
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        if mutate("renew", attempt=attempt)["userErrors"]:
            break
        print("renewed", flush=True)
    errors = mutate("complete", attempt=attempt, result={"by": name})["userErrors"]
    print(errors[0]["message"] if errors else "completed", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
