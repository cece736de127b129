"""Accounts: making one, finding it at sign-in, and what a guesser learns."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import argon2
import asyncpg
import pytest

from gateway.auth.throttle import ADDRESS
from tests.kit.database import Database
from tests.kit.refused import Refusal, only_refusal, refusals
from tests.kit.rows import rows_of, unchanged
from tests.kit.serving import PASSWORD, Client, Serving, serving_on

WRONG = "The e-mail address or the password is wrong."
SIGNED_IN = "accessToken refreshToken expiresAt user { id email fullName username }"
AUDIT = ("audit_entries", "changes", "feeds")
"""The tables in which a wrong password is recorded."""


def address() -> str:
    """An e-mail address that nobody has."""
    return f"{uuid.uuid4().hex}@example.org"


async def sign_up(client: Client, email: str, password: str = PASSWORD, **values: Any) -> dict[str, Any]:
    return await client.mutate("signUp", SIGNED_IN, email=email, password=password, **values)


async def sign_in(client: Client, email: str, password: str = PASSWORD, **values: Any) -> dict[str, Any]:
    return await client.mutate("signIn", SIGNED_IN, email=email, password=password, **values)


async def count_users(superuser: asyncpg.Connection) -> int:
    counted: int = await superuser.fetchval("SELECT count(*) FROM users")
    return counted


def check_nothing_given(payload: dict[str, Any], *expected: Refusal) -> None:
    """The payload must hold these reasons and nothing else."""
    assert refusals(payload) == list(expected)
    assert {name for name, content in payload.items() if content is not None} == {"userErrors"}


async def test_a_new_user_is_signed_in(serving: Serving) -> None:
    client, email = serving.anonymous(), address()
    username = email.partition("@")[0]
    payload = await sign_up(client, email, fullName="Ada Lovelace", username=username)
    assert payload["userErrors"] == []
    client.token = payload["accessToken"]
    operation = "{ viewer { id email fullName username planType planStatus lastLoginAt deletedAt } }"
    viewer = (await client.data(operation))["viewer"]
    assert viewer.pop("lastLoginAt") is not None
    assert viewer == {
        **payload["user"],
        "planType": "FREE",
        "planStatus": "ACTIVE",
        "deletedAt": None,
    }
    assert (viewer["email"], viewer["fullName"], viewer["username"]) == (email, "Ada Lovelace", username)


async def test_signing_up_twice_signs_in(serving: Serving, superuser: asyncpg.Connection) -> None:
    email = address()
    first = await sign_up(serving.anonymous(), email)
    users = await count_users(superuser)
    second = await sign_up(serving.anonymous(), email.upper(), fullName="Somebody Else")
    assert second["userErrors"] == []
    assert second["user"] == first["user"]
    assert second["accessToken"] != first["accessToken"]
    assert await count_users(superuser) == users
    assert len((await rows_of(superuser, first["user"]["id"]))["sessions"]) == 2


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\u00a0", "  \u3000"])
async def test_blanks_around_an_address_are_ignored(
    serving: Serving, superuser: asyncpg.Connection, blank: str
) -> None:
    email = address()
    made = await sign_up(serving.anonymous(), f"{blank}{email}{blank}")
    assert (made["userErrors"], made["user"]["email"]) == ([], email)
    users = await count_users(superuser)
    for again in (sign_in, sign_up):
        for spelling in (email, f"{blank}{email.upper()}", f"{email}{blank}"):
            payload = await again(serving.anonymous(), spelling)
            assert (payload["userErrors"], payload["user"]) == ([], made["user"])
    assert await count_users(superuser) == users


async def test_guesses_with_blanks_count_as_guesses_at_the_same_account(serving: Serving) -> None:
    email = address()
    await serving.signed_up(email=email)
    operation = "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { message } } }"
    codes: list[str] = []
    for number in range(12):
        values = {"email": " " * number + email, "password": "not the password"}
        answer = await serving.anonymous().run(operation, input=values)
        codes += [error["extensions"]["code"] for error in answer.get("errors", ())]
    assert "OVERLOADED" in codes


async def test_signing_up_with_a_taken_address_is_refused(serving: Serving, superuser: asyncpg.Connection) -> None:
    owner = await serving.signed_up(email=(email := address()))
    users = await count_users(superuser)
    async with unchanged(superuser, owner.user_id, besides=AUDIT):
        for spelling in (email, email.upper()):
            payload = await sign_up(serving.anonymous(), spelling, "not the same password")
            reason = "An account with this e-mail address already exists: sign in."
            check_nothing_given(payload, Refusal("CONFLICT", "email", reason))
    assert await count_users(superuser) == users


async def test_a_taken_user_name_is_refused(serving: Serving, superuser: asyncpg.Connection) -> None:
    name = f"n{uuid.uuid4().hex[:20]}"
    await serving.signed_up(username=name)
    users = await count_users(superuser)
    for spelling in (name, name.upper()):
        payload = await sign_up(serving.anonymous(), address(), username=spelling)
        check_nothing_given(payload, Refusal("CONFLICT", "username", "This user name is already taken."))
    assert await count_users(superuser) == users


@pytest.mark.parametrize("password", [PASSWORD, None], ids=["the same password", "each its own password"])
async def test_of_many_who_sign_up_at_once_one_account_is_made(
    serving: Serving, superuser: asyncpg.Connection, password: str | None
) -> None:
    email, users = address(), await count_users(superuser)
    passwords = [password or f"a password of number {number}" for number in range(20)]
    wanted = f"{SIGNED_IN} userErrors {{ code field message }}"
    operation = f"mutation($input: SignUpInput!) {{ signUp(input: $input) {{ {wanted} }} }}"
    answers = await asyncio.gather(
        *(serving.anonymous().run(operation, input={"email": email, "password": each}) for each in passwords)
    )
    made = [
        payload["user"]["id"]
        for answer in answers
        if (payload := (answer["data"] or {}).get("signUp")) and payload["user"]
    ]
    assert len(set(made)) == 1
    assert password is not None or len(made) == 1
    reasons = {(found.code, found.field) for answer in answers for found in refusals(answer)}
    # Guesses at one account are slowed down, and these look like guesses.
    assert reasons <= {("CONFLICT", "email"), ("OVERLOADED", None)}
    assert await count_users(superuser) == users + 1
    assert len((await rows_of(superuser, made[0]))["sessions"]) == len(made)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": ""}, "password"),
        ({"password": "p" * 2000}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": "aaaaaaaaaaaaaa"}, "password"),
        ({"password": "somebody@example.org"}, "password"),
        ({"email": "nobody"}, "email"),
        ({"email": "no body@example.org"}, "email"),
        ({"email": "@example.org"}, "email"),
        ({"email": ""}, "email"),
        ({"email": f"{'x' * 250}@example.org"}, "email"),
        ({"username": "a"}, "username"),
        ({"username": "me@example.org"}, "username"),
        ({"username": "Zoë"}, "username"),
        ({"fullName": "x" * 256}, "fullName"),
        ({"deviceName": "x" * 256}, "deviceName"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_an_account_with_a_bad_value_is_not_made(
    serving: Serving, superuser: asyncpg.Connection, values: dict[str, Any], field: str
) -> None:
    users = await count_users(superuser)
    given = {"email": "somebody@example.org", "password": PASSWORD, **values}
    payload = await serving.anonymous().mutate("signUp", SIGNED_IN, **given)
    refusal = only_refusal(payload)
    assert (refusal.code, refusal.field) == ("INVALID", field)
    assert len(given["password"]) < 8 or given["password"] not in refusal.message
    assert payload["accessToken"] is None
    assert await count_users(superuser) == users


async def test_a_user_signs_in_by_address_or_name_in_any_case(serving: Serving) -> None:
    name = f"N{uuid.uuid4().hex[:20]}"
    owner = await serving.signed_up(email=(email := address()), username=name)
    for known in (email, email.upper(), name, name.lower(), name.upper()):
        payload = await sign_in(serving.anonymous(), known)
        assert payload["userErrors"] == []
        assert payload["user"]["id"] == owner.user_id


@pytest.mark.parametrize("local", ["ÄDA", "İpek", "ΣΊΣΥΦΟΣ", "ǅura", "straße", "ŞULE", "名前", "e\u0301mile"])
async def test_an_address_in_any_alphabet_signs_in_as_it_was_written(serving: Serving, local: str) -> None:
    email = f"{local}{uuid.uuid4().hex}@example.org"
    owner = await serving.signed_up(email=email)
    for spelling in (email, email.lower()):
        payload = await sign_in(serving.anonymous(), spelling)
        assert payload["userErrors"] == []
        assert payload["user"] == {"id": owner.user_id, "email": email, "fullName": None, "username": None}


async def test_a_password_may_be_typed_on_any_keyboard(serving: Serving) -> None:
    email = address()
    await sign_up(serving.anonymous(), email, "ﬁancé\u0301s and Åsa \U0001f600")
    payload = await sign_in(serving.anonymous(), email, "fiancé\u0301s and A\u030asa \U0001f600")
    assert payload["userErrors"] == []


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(
    serving: Serving, superuser: asyncpg.Connection
) -> None:
    name = f"n{uuid.uuid4().hex[:20]}"
    owner = await serving.signed_up(email=(email := address()), username=name)
    async with unchanged(superuser, owner.user_id, besides=AUDIT):
        tries = [(email, "a wrong password"), (name, "a wrong password"), (address(), PASSWORD), ("", ""), (email, "")]
        payloads = [await sign_in(serving.anonymous(), known, password) for known, password in tries]
    for payload in payloads:
        check_nothing_given(payload, Refusal("INVALID", None, WRONG))
        assert payload == payloads[0]


async def test_a_deleted_user_gets_the_answer_of_an_unknown_one(
    serving: Serving, superuser: asyncpg.Connection
) -> None:
    owner = await serving.signed_up(email=(email := address()))
    await superuser.execute("UPDATE users SET deleted_at = now() WHERE id = $1", owner.user_id)
    async with unchanged(superuser, owner.user_id, besides=AUDIT):
        check_nothing_given(await sign_in(serving.anonymous(), email), Refusal("INVALID", None, WRONG))
        payload = await sign_up(serving.anonymous(), email, "not the same password")
        assert payload["accessToken"] is None


async def test_a_hash_with_outdated_parameters_is_replaced_at_sign_in(
    serving: Serving, superuser: asyncpg.Connection
) -> None:
    await serving.signed_up(email=(known := address()))
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    stored = "SELECT password_hash FROM parley.logins WHERE email = $1"
    await superuser.execute("UPDATE parley.logins SET password_hash = $2 WHERE email = $1", known, weak)
    assert "errors" not in await asks(serving, "signIn", email=known, password="a wrong guess")
    assert await superuser.fetchval(stored, known) == weak
    for _ in range(2):
        assert (await asks(serving, "signIn", email=known))["data"]["signIn"]["accessToken"]
    replaced = await superuser.fetchval(stored, known)
    assert not serving.gateway.resources.authenticator.passwords.needs_rehash(replaced)


async def test_many_wrong_guesses_are_slowed_down(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether there is such a user or not."""
    operation = """
        mutation($input: SignInInput!) { signIn(input: $input) { accessToken userErrors { code field message } } }
    """
    async with serving_on(database, tmp_path) as serving:
        authenticator: Any = serving.gateway.resources.authenticator
        for throttle in (authenticator.by_account, authenticator.by_address):
            monkeypatch.setattr(throttle, "_clock", lambda: 0.0)
        await serving.signed_up(email=(taken := address()))
        for known in (address(), taken):
            guess = {"email": known, "password": "a wrong guess"}
            answers = [await serving.anonymous().run(operation, input=guess) for _ in range(8)]
            assert [only_refusal(answer).code for answer in answers] == ["INVALID"] * 5 + ["OVERLOADED"] * 3
            assert answers[-1]["errors"][0]["extensions"]["retryAfter"] >= 1
            right = await serving.anonymous().run(operation, input={"email": known, "password": PASSWORD})
            assert only_refusal(right).code == "OVERLOADED"


async def asks(serving: Serving, field: str, **given: Any) -> dict[str, Any]:
    kind = field[0].upper() + field[1:]
    operation = f"mutation($input: {kind}Input!) {{ {field}(input: $input) {{ accessToken userErrors {{ code }} }} }}"
    return await serving.anonymous().run(operation, input={"password": PASSWORD, **given})


def code_of(answer: dict[str, Any]) -> str | None:
    """What refused it; None for success."""
    return answer["errors"][0]["extensions"]["code"] if "errors" in answer else None


async def test_many_sign_ups_from_one_address_are_slowed_down_and_nothing_else_is(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, superuser: asyncpg.Connection
) -> None:
    async with serving_on(database, tmp_path, sign_ups_per_address=5, trusted_proxies=1) as serving:
        monkeypatch.setattr(serving.gateway.resources.authenticator.sign_ups, "_clock", lambda: 0.0)
        serving.http.headers["X-Forwarded-For"] = "198.51.100.1"
        users = await count_users(superuser)
        known = address()
        answers = [await asks(serving, "signUp", email=known)]
        answers += await asyncio.gather(*(asks(serving, "signUp", email=address()) for _ in range(30)))
        assert Counter(map(code_of, answers)) == {None: 5, "OVERLOADED": 26}
        assert await count_users(superuser) == users + 5
        refused = next(answer for answer in answers if code_of(answer))
        assert refused["errors"][0]["extensions"]["retryAfter"] >= 1
        # What came to nothing counts as well; what is refused for its password is no work and does not.
        assert code_of(await asks(serving, "signUp", email=known, password="short")) is None
        assert code_of(await asks(serving, "signIn", email=known)) is None
        serving.http.headers["X-Forwarded-For"] = "198.51.100.2"
        assert code_of(await asks(serving, "signUp", email=address())) is None
        serving.http.headers["X-Forwarded-For"] = "2001:db8::1"
        for number in range(6):
            serving.http.headers["X-Forwarded-For"] = f"2001:db8::{number}"
            answer = await asks(serving, "signUp", email=address())
        assert code_of(answer) == "OVERLOADED"


async def test_guesses_from_an_address_do_not_hold_its_sign_ups_up(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving_on(database, tmp_path) as serving:
        authenticator: Any = serving.gateway.resources.authenticator
        monkeypatch.setattr(authenticator.by_address, "_clock", lambda: 0.0)
        for _ in range(ADDRESS.free_attempts):
            authenticator.by_address.check("127.0.0.1")
        known = address()
        assert code_of(await asks(serving, "signIn", email=known)) == "OVERLOADED"
        assert code_of(await asks(serving, "signUp", email=known)) is None
        # To sign up again is a guess at the password.
        assert code_of(await asks(serving, "signUp", email=known)) == "OVERLOADED"


async def test_what_is_stored_tells_no_password(serving: Serving, superuser: asyncpg.Connection) -> None:
    owner = await serving.signed_up()
    rows = await rows_of(superuser, owner.user_id)
    assert PASSWORD not in str(rows)
    (login,) = rows["logins"]
    assert login["password_hash"].startswith("$argon2id$")
    other = (await rows_of(superuser, (await serving.signed_up()).user_id))["logins"][0]
    assert other["password_hash"] != login["password_hash"]


async def test_who_is_nobody_has_no_viewer(serving: Serving) -> None:
    assert await serving.anonymous().data("{ viewer { id email } }") == {"viewer": None}
