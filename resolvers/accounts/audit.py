"""The audit: what happened to an account, by whom, and from where. Triggers of the database write it (`add_audit`)."""

from __future__ import annotations

import datetime
import enum

import strawberry

from gateway import (
    JSON,
    Actor,
    Info,
    Node,
    any_of,
    changes_as_shown,
    computed,
    entity,
    enum_type,
    input_type,
    maybe,
)


@enum_type
class AuditAction(enum.Enum):
    """What happened."""

    SIGNED_IN = "signed_in"
    """Somebody signed in with the password. The subject is the new session."""
    SIGN_IN_FAILED = "sign_in_failed"
    """Somebody tried a wrong password. At most ten attempts an hour are recorded."""
    SIGNED_OUT = "signed_out"
    """A device signed out. The subject is its session."""
    SESSION_REVOKED = "session_revoked"
    """A session was ended in another way. `revokedReason` in `changes` says why."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - an action
    """The password was changed."""
    EMAIL_CHANGED = "email_changed"
    """The e-mail address was changed."""
    KEY_CREATED = "key_created"
    """A provider key was stored, or replaced by another one."""
    KEY_USED = "key_used"
    """A provider key was sent to its provider. Recorded once a day and key, in UTC; a replaced key is another key."""
    KEY_DELETED = "key_deleted"
    """A provider key was destroyed."""
    TOKEN_CREATED = "token_created"  # noqa: S105 - an action
    """An agent's token was created."""
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - an action
    """An agent's token was revoked."""
    SETTINGS_CHANGED = "settings_changed"
    """Settings were changed. The subject is the object that has them, such as a provider's configuration or key, a
    quota, or a conversation, also a new one that came with settings of its approvals."""
    APPROVAL_RULE_CHANGED = "approval_rule_changed"
    """A rule that approves tool executions was created, changed or deleted."""
    RAG_CONFIGURATION_CHANGED = "rag_configuration_changed"
    """A configuration of retrieval was created, changed or deleted."""
    OAUTH_LINKED = "oauth_linked"
    """An account of another service was linked."""
    OAUTH_UNLINKED = "oauth_unlinked"
    """The link to an account of another service was removed."""
    EXPORTED = "exported"
    """An export of the account was requested. The subject is its job."""
    PURGED = "purged"
    """A deleted object was removed permanently, or its removal began. `entityId` is its id."""
    ACCOUNT_DELETED = "account_deleted"
    """The account was deleted. Until `purgeAt` in `changes`, it can be restored."""


@input_type
class AuditEntryFilter:
    """Conditions for the audit. Each entry meets all that are set."""

    action: list[AuditAction] | None = None
    """Of one of these actions."""
    created_from: datetime.datetime | None = None
    """Recorded at or after this time."""
    created_before: datetime.datetime | None = None
    """Recorded before this time."""
    entity_id: list[strawberry.ID] | None = None
    """About one of the objects with these ids."""


@entity("audit_entries", order="-created_at", filter=AuditEntryFilter)
class AuditEntry(Node):
    """An entry of the audit: one event that concerns the security of the account. It never changes, and is kept for two
    years."""

    action: AuditAction
    """What happened."""
    actor: Actor
    """Who did it. `SYSTEM` for `SIGN_IN_FAILED`, when nobody was signed in."""
    entity_id: strawberry.ID
    """The id of the object that the entry is about, a UUID. The object may be gone."""
    entity: strawberry.Private[str]
    session_id: strawberry.Private[strawberry.ID | None]
    agent_token_id: strawberry.Private[strawberry.ID | None]

    session = maybe("Session", key="session_id")
    """The session in which it was done; null if there was none, or if it was removed since."""
    agent_token = maybe("AgentToken", key="agent_token_id")
    """The token of the agent that did it; null if none did."""
    subject = any_of(entity="entity", key="entity_id")
    """The object that the entry is about; null if it was permanently removed."""

    @computed("entity", "changes")
    def changes(self, info: Info) -> JSON:
        """The old and the new value of each field that changed, such as `{"shareUsageData": [false, true]}`. The old
        value of a new object is null. Empty if there is nothing to show. It never contains secrets or content."""
        return changes_as_shown(info, self.entity, self.changes)

    @computed("ip_address")
    def ip_address(self) -> str | None:
        """The IP address from which the session signed in; for `SIGN_IN_FAILED`, that of the attempt. Null for agents
        and for the system."""
        return None if self.ip_address is None else str(self.ip_address)
