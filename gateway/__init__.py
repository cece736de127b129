"""Parley: a GraphQL gateway for AI conversations.

What stands here is the vocabulary of `resolvers/`; the rest of the gateway is imported from where it lives.
"""

from gateway.context import Context, Info
from gateway.data.queries import sql
from gateway.data.statements import Through
from gateway.errors import Conflict, Invalid, NotFound
from gateway.schema.fields.event import event
from gateway.schema.fields.root import lookup, mutation, payload, query, subscription
from gateway.schema.fields.standard import (
    change,
    create,
    given,
    is_taken,
    made_before,
    require_version,
    standard,
    with_request_hash,
)
from gateway.schema.objects.entity import Node, computed, entity, id_of
from gateway.schema.types.argument import After, ById, OfConversation
from gateway.schema.types.link import many, maybe, one, page
from gateway.schema.types.scalars import JSON, BigInt, Cursor
from gateway.schema.types.typing import enum_type, input_type, object_type

__all__ = [
    "JSON",
    "After",
    "BigInt",
    "ById",
    "Conflict",
    "Context",
    "Cursor",
    "Info",
    "Invalid",
    "Node",
    "NotFound",
    "OfConversation",
    "Through",
    "change",
    "computed",
    "create",
    "entity",
    "enum_type",
    "event",
    "given",
    "id_of",
    "input_type",
    "is_taken",
    "lookup",
    "made_before",
    "many",
    "maybe",
    "mutation",
    "object_type",
    "one",
    "page",
    "payload",
    "query",
    "require_version",
    "sql",
    "standard",
    "subscription",
    "with_request_hash",
]
