"""What the audit tells of settings that concern the security of an account, and of its money."""

from __future__ import annotations

from resolvers.accounts.audit import AuditAction
from tests.accounts.test_audit import about, by, entries, newest, session_of
from tests.kit.serving import Client


async def test_settings_are_told_of_with_old_and_new_values(user: Client) -> None:
    session = await session_of(user)
    settings = (await user.data("{ viewer { settings { id } } }"))["viewer"]["settings"]["id"]
    await user.make("updateUserSettings", "userSettings", shareUsageData=True, archiveAfterMonths=6, theme="LIGHT")
    changed = about("UserSettings", settings, shareUsageData=[False, True], archiveAfterMonths=[None, 6])
    assert await newest(user, AuditAction.SETTINGS_CHANGED) == by(session) | changed
    count = len(await entries(user))
    await user.make("updateUserSettings", "userSettings", shareUsageData=True, windowWidth=900)
    await user.make("updateUser", "user", fullName="Another Name")
    assert len(await entries(user)) == count, "nothing that the audit tells of has changed"


async def test_a_conversation_that_comes_with_settings_of_approval_is_told_of(user: Client) -> None:
    session = await session_of(user)
    await user.make("createConversation", "conversation")
    assert not await entries(user, action=["SETTINGS_CHANGED"])
    settings = {"lowRiskOperations": True, "maxCostPerHourUsd": "100"}
    made = await user.make("createConversation", "conversation", autoApprovalSettings=settings)
    (_, told) = (entry := await newest(user, AuditAction.SETTINGS_CHANGED)).pop("changes")["autoApprovalSettings"]
    assert entry | {"changes": {}} == by(session) | about("Conversation", made["id"])
    assert told["lowRiskOperations"] is True
    await user.make("updateConversation", "conversation", id=made["id"], autoApprovalSettings={})
    changes = (await newest(user, AuditAction.SETTINGS_CHANGED))["changes"]
    assert changes == {"autoApprovalSettings": [told, {}]}, "to none as well"


async def test_the_address_of_a_provider_and_what_calls_may_use_are_told_of(user: Client) -> None:
    key = await user.make("createProviderKey", "providerKey", "id config { id }", provider="openai", apiKey="k" * 20)
    config = key["config"]["id"]
    assert not await entries(user, action=["SETTINGS_CHANGED"]), "it has no address of its own yet"
    url = "https://elsewhere.example.org/v1"
    await user.make("updateProviderConfig", "providerConfig", id=config, baseUrl=url)
    told = await newest(user, AuditAction.SETTINGS_CHANGED)
    assert told | about("ProviderConfig", config, baseUrl=[None, url]) == told
    other = await user.make("createProviderConfig", "providerConfig", "id", provider="groq", baseUrl=url)
    told = await newest(user, AuditAction.SETTINGS_CHANGED)
    new = about("ProviderConfig", other["id"], baseUrl=[None, url], isActive=[None, True])
    assert told | new == told, "with the address from the beginning"
    await user.make("updateProviderConfig", "providerConfig", id=config, isActive=False)
    told = await newest(user, AuditAction.SETTINGS_CHANGED)
    assert told | about("ProviderConfig", config, isActive=[True, False]) == told
    await user.make("updateProviderKey", "providerKey", id=key["id"], isActive=False)
    told = await newest(user, AuditAction.SETTINGS_CHANGED)
    assert told | about("ProviderKey", key["id"], isActive=[True, False]) == told
    count = len(await entries(user))
    await user.make("updateProviderConfig", "providerConfig", id=config, defaultModel="m")
    await user.make("updateProviderKey", "providerKey", id=key["id"], keyName="another")
    assert len(await entries(user)) == count


async def test_a_budget_that_is_changed_or_deleted_is_told_of(user: Client) -> None:
    values = {"unit": "USD", "period": "DAY", "limit": "5.000000000001", "mode": "HARD"}
    id = (await user.make("createUsageQuota", "usageQuota", **values))["id"]
    count = len(await entries(user))
    for change, changes in (
        ({"limit": "123456789012.000000000001"}, {"limit": ["5.000000000001", "123456789012.000000000001"]}),
        ({"mode": "SOFT"}, {"mode": ["HARD", "SOFT"]}),
        ({"model": "what a person wrote"}, {}),
    ):
        await user.make("updateUsageQuota", "usageQuota", id=id, **change)
        told = await newest(user, AuditAction.SETTINGS_CHANGED)
        assert told | about("UsageQuota", id, **changes) == told
    await user.make("deleteUsageQuota", "usageQuota", id=id)
    assert (await newest(user, AuditAction.SETTINGS_CHANGED))["changes"].keys() == {"deletedAt"}
    assert len(await entries(user)) == count + 4
