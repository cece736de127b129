"""A stored API key is nowhere to be found: not in logs, answers, tables, the feed, metrics, exports or backups."""

from __future__ import annotations

import json
import secrets
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.backup.backup import back_up
from gateway.monitoring.exposition import exposed
from gateway.vault.provider_keys import open_key
from tests.kit.database import Database
from tests.kit.generated import selection
from tests.kit.schema import graphql_schema
from tests.kit.serving import serving_on, settings_for
from tests.work.running import working_for

TABLES = """
SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE nspname IN ('parley', 'parley_work') AND relkind = 'r'
"""

OPERATIONS = [
    'mutation { createProviderKey(input: {provider: "p", keyName: "marked", apiKey: "%s"})'
    " { providerKey { id } userErrors { message } } }",
    'mutation { createProviderKey(input: {provider: "P P", apiKey: "%s"}) { userErrors { message } } }',
    'mutation { createProviderKey(input: {provider: "p", apiKey: "%s", nope: 1}) { userErrors { code } } }',
    'mutation { createProviderKey(input: {provider: "p", apiKey: "%s tail"}) { userErrors { message field } } }',
    'mutation { createProviderKey(input: {apiKey: "%s"}) { userErrors { message } } }',
    'mutation { createProviderKey(input: {provider: "p", apiKey: "%s"}) { userErrors { message } } }',
    'mutation { replaceProviderKey(input: {id: "x", apiKey: "%s"}) { userErrors { message } } }',
]
"""Right and wrong requests with a key as a literal."""

VARIABLES: list[dict[str, Any]] = [
    {"provider": "q"},
    {"provider": "q"},
    {"provider": "q", "nope": 1},
    {"provider": 5},
    {"provider": "q", "expiresAt": "never"},
    {"provider": "q", "keyName": "x" * 200},
    {"providerConfigId": "no id"},
    {},
]
"""Inputs of which all but the first are refused."""


async def test_a_key_is_nowhere(database: Database, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    canary = f"canary-{secrets.token_hex(12)}"
    everything: list[bytes] = []
    async with serving_on(database, tmp_path, log_level="debug", metrics_port=0) as serving:
        user = await serving.signed_up()
        answers = [await user.run(text % canary) for text in OPERATIONS]
        create = "mutation($i: CreateProviderKeyInput!) { createProviderKey(input: $i) { userErrors { message } } }"
        answers += [await user.run(create, i={"apiKey": canary, **values}) for values in VARIABLES]
        answers.append(await user.run(create, i={"apiKey": [canary]}))
        answers.append(await user.run(create, i={"provider": "q", "apiKey": {"key": canary}}))
        id = answers[0]["data"]["createProviderKey"]["providerKey"]["id"]
        tried = "mutation($id: ID!) { testProviderKey(input: {id: $id}) { message } }"
        answers.append(await user.run(tried, id=id))
        every = selection(graphql_schema().type_map["ProviderKey"], depth=2)
        answers.append(await user.run(f'{{ node(id: "{id}") {{ ... on ProviderKey {every} }} }}'))
        answers.append(await user.run(f"{{ viewer {selection(graphql_schema().type_map['User'], depth=3)} }}"))
        opened = await open_key(working_for(serving, user), "p")
        assert opened is not None
        assert opened.secret.reveal() == canary
        everything.append(repr((opened, serving.gateway.resources.vault)).encode())
        del opened
        everything += [json.dumps(answer).encode() for answer in answers]
        async with (
            exposed("127.0.0.1", 0, lambda: _samples(serving)) as port,
            user.http.get(f"http://127.0.0.1:{port}/metrics") as response,
        ):
            everything.append(await response.read())
    superuser = await asyncpg.connect(database.owner_url)
    for (table,) in await superuser.fetch(TABLES):
        everything += [row[0].encode() for row in await superuser.fetch(f"SELECT t::text FROM {table} AS t")]  # noqa: S608
    await superuser.close()
    with tempfile.TemporaryDirectory() as directory:
        archive = Path(directory, "backup")
        settings = settings_for(tmp_path, database_url=database.runtime_url, owner_url=database.owner_url)
        await back_up(settings, archive)
        with zipfile.ZipFile(archive) as parts:
            dumped = [parts.read(name) for name in parts.namelist()]
        # It contains what is stored of the key, so that the search below would find the key, too.
        assert any(b"marked" in each for each in dumped)
        everything += dumped
    everything.append((tmp_path / "signing-keys.json").read_bytes())
    assert sum(b"marked" in each for each in everything) > 2
    out, err = capfd.readouterr()
    everything += [out.encode(), err.encode()]
    for form in (canary.encode(), canary.encode().hex().encode(), canary[7:].encode()):
        found = [each[:300] for each in everything if form in each]
        assert found == []


async def _samples(serving: Any) -> Any:
    return {1: serving.gateway.instruments.samples()}
