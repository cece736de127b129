"""Parley: a GraphQL gateway for AI conversations.

What stands here is the vocabulary of `resolvers/`; the rest of the gateway is imported from where it lives.
"""

from asyncpg import UniqueViolationError

from gateway.auth.authenticator import SessionTokens
from gateway.auth.password import Purpose, check_password
from gateway.auth.scope import described as described_scopes
from gateway.context import Context, Info
from gateway.data.queries import sql
from gateway.data.statements import Through
from gateway.data.writing import Statements
from gateway.errors import BadRequest, Conflict, Invalid, NotFound, Overloaded, Unauthenticated, Unavailable
from gateway.export.archive import KEPT as EXPORTS_KEPT
from gateway.export.parts import write_export
from gateway.export.selection import exported_names
from gateway.feed.presence import Present
from gateway.feed.topic import Topic
from gateway.outgoing.outgoing import Unanswered
from gateway.outgoing.url import NotAllowed
from gateway.schema.fields.bulk import in_bulk
from gateway.schema.fields.event import event
from gateway.schema.fields.idempotent import create, made_before, put, with_request_hash, with_secrets
from gateway.schema.fields.inputs import values_of
from gateway.schema.fields.joined import joined
from gateway.schema.fields.node import any_of
from gateway.schema.fields.root import lookup, mutation, payload, query, subscription
from gateway.schema.fields.standard import standard
from gateway.schema.fields.trash import tables_in_trash, trash_list, type_in_trash
from gateway.schema.fields.versioned import change, expected_version, require_version, set_deleted
from gateway.schema.objects.column_changes import changes_as_shown
from gateway.schema.objects.entity import Node, computed, entity, id_of, reference
from gateway.schema.objects.filter import usually
from gateway.schema.types.actor import Actor
from gateway.schema.types.argument import After, ById, only_of
from gateway.schema.types.link import many, maybe, one, page, queried, root_page
from gateway.schema.types.natural_id import natural_id
from gateway.schema.types.scalars import JSON, BigInt, Cursor
from gateway.schema.types.typing import enum_type, input_type, object_type
from gateway.vault.provider_keys import bound_to, open_key, open_key_by_id, origin_of, record_key_use
from gateway.vault.row_secrets import RowSecrets, open_secret, secret
from gateway.vault.sealing import CannotOpen
from gateway.vault.secret import Secret
from gateway.work.declaration import job
from gateway.work.work import Cancelled, Work

__all__ = [
    "EXPORTS_KEPT",
    "JSON",
    "Actor",
    "After",
    "BadRequest",
    "BigInt",
    "ById",
    "Cancelled",
    "CannotOpen",
    "Conflict",
    "Context",
    "Cursor",
    "Info",
    "Invalid",
    "Node",
    "NotAllowed",
    "NotFound",
    "Overloaded",
    "Present",
    "Purpose",
    "RowSecrets",
    "Secret",
    "SessionTokens",
    "Statements",
    "Through",
    "Topic",
    "Unanswered",
    "Unauthenticated",
    "Unavailable",
    "UniqueViolationError",
    "Work",
    "any_of",
    "bound_to",
    "change",
    "changes_as_shown",
    "check_password",
    "computed",
    "create",
    "described_scopes",
    "entity",
    "enum_type",
    "event",
    "expected_version",
    "exported_names",
    "id_of",
    "in_bulk",
    "input_type",
    "job",
    "joined",
    "lookup",
    "made_before",
    "many",
    "maybe",
    "mutation",
    "natural_id",
    "object_type",
    "one",
    "only_of",
    "open_key",
    "open_key_by_id",
    "open_secret",
    "origin_of",
    "page",
    "payload",
    "put",
    "queried",
    "query",
    "record_key_use",
    "reference",
    "require_version",
    "root_page",
    "secret",
    "set_deleted",
    "sql",
    "standard",
    "subscription",
    "tables_in_trash",
    "trash_list",
    "type_in_trash",
    "usually",
    "values_of",
    "with_request_hash",
    "with_secrets",
    "write_export",
]
