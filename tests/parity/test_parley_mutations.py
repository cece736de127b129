"""Random mutations on Parley's own schema: run another way on each of two twins, they leave both alike."""

from __future__ import annotations

import asyncpg
import pytest

from tests.kit.rows import rows_of
from tests.kit.serving import Serving
from tests.parity import execution
from tests.parity.generation.operations import Operations, Size
from tests.parity.generation.scale import SCALE, count, drawn
from tests.parity.served_user import make_served_user
from tests.parity.twins import Twin, comparable, leaf

pytestmark = [
    pytest.mark.timeout(600 * max(1, SCALE)),
    # graphql-core leaves coroutines behind where a field fails. `test_small_schemas` tests that the engine does not.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# Signing in and out, and deleting the account, would leave one of the twins without a token.
SIGNING = ("signUp", "signIn", "refreshSession", "signOut", "deleteAccount", "restoreAccount")
# The others tell the time or who asks.
WITHOUT = frozenset((*SIGNING, "executionTimeMs", "cursor", "startCursor", "endCursor", "feedCursor"))
OPERATIONS = 120
RARE = frozenset({"after", "before", "last", "first", "expectedVersion"})


async def test_mutations_say_the_same_and_leave_the_same_rows(serving: Serving, superuser: asyncpg.Connection) -> None:
    mine, other = Twin(await make_served_user(serving, superuser)), Twin(await make_served_user(serving, superuser))
    schema = mine.served.schema
    writer = Operations(schema, leaf, Size(depth=4, width=3, roots=4, fields=35), without=WITHOUT, rare=RARE)
    before = len((await rows_of(superuser, mine.served.estate.user_id))["changes"])
    with_json = 0
    for each in drawn(lambda choices: writer.write(choices, "mutation"), OPERATIONS):
        with_json += "variable in JSON" in each.seen
        ours, sent = await mine.served.run(execution.ours, mine.served.engine, mine.own(each.request))
        theirs, as_usual = await other.served.run(execution.theirs, schema, other.own(each.request))
        (data, failures), (their_data, their_failures) = mine.told(ours), other.told(theirs)
        if data != their_data:
            data = comparable(data, await mine.versions(superuser))
            assert data == comparable(their_data, await other.versions(superuser)), each
        # Of several errors that make one value null, either may be told.
        assert failures == their_failures or min(len(failures), len(their_failures)) > 1, each
        assert len(sent) <= len(as_usual) or failures, (each, sent, as_usual)
    rows, their_rows = [
        twin.rows(await rows_of(superuser, twin.served.estate.user_id), await twin.versions(superuser))
        for twin in (mine, other)
    ]
    assert rows == their_rows
    assert with_json > count(OPERATIONS) / 40
    assert len(rows["changes"]) - before > count(OPERATIONS) / 4
