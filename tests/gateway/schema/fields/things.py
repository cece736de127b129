"""Objects of several types for tests: a notebook with a memo, and pins."""

from __future__ import annotations

from dataclasses import dataclass

from tests.kit.serving import Client


@dataclass(frozen=True, slots=True)
class Things:
    """The ids of a notebook and of a memo in it."""

    client: Client
    notebook: str
    memo: str
    version: int
    """The memo's."""
    notebook_version: int

    async def another_memo(self, text: str) -> str:
        """The id of another memo in the notebook."""
        id: str = (await self.client.make("createMemo", "memo", notebookId=self.notebook, text=text))["id"]
        return id

    async def pin(self, table: str | None, id: str | None) -> str:
        """Pin an object to the notebook, and return the pin's id."""
        made = await self.client.make("createPin", "pin", notebookId=self.notebook, subject=table, subjectId=id)
        pin: str = made["id"]
        return pin


async def things_of(client: Client) -> Things:
    """A new notebook, Shopping, with a memo, Milk."""
    notebook = await client.make("createNotebook", "notebook", "id version", title="Shopping")
    memo = await client.make("createMemo", "memo", "id version", notebookId=notebook["id"], text="Milk")
    return Things(client, notebook["id"], memo["id"], memo["version"], notebook["version"])
