"""Parley: a GraphQL gateway for AI conversations.

What stands here is the vocabulary of `resolvers/`; the rest of the gateway is imported from where it lives.
"""

from gateway.auth import refresh
from gateway.auth.authenticator import Attempt
from gateway.auth.network import network_of
from gateway.auth.password import Caller, check_password
from gateway.context import Context, Info
from gateway.data.driver.stamp import Stamp
from gateway.data.queries import sql
from gateway.data.statements import Through
from gateway.data.writing import Statements
from gateway.errors import BadRequest, Conflict, Invalid, NotFound, Overloaded, Unauthenticated, Unavailable
from gateway.feed.gathered import gathered
from gateway.feed.presence import Present
from gateway.feed.sealed import SEAL_BYTES, seal, unseal
from gateway.feed.signals import MOST_PAYLOAD_BYTES
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
from gateway.schema.types.argument import After, ById, only_of
from gateway.schema.types.link import many, maybe, one, page
from gateway.schema.types.scalars import JSON, BigInt, Cursor
from gateway.schema.types.typing import enum_type, input_type, object_type

__all__ = [
    "JSON",
    "MOST_PAYLOAD_BYTES",
    "SEAL_BYTES",
    "After",
    "Attempt",
    "BadRequest",
    "BigInt",
    "ById",
    "Caller",
    "Conflict",
    "Context",
    "Cursor",
    "Info",
    "Invalid",
    "Node",
    "NotFound",
    "Overloaded",
    "Present",
    "Stamp",
    "Statements",
    "Through",
    "Unauthenticated",
    "Unavailable",
    "change",
    "check_password",
    "computed",
    "create",
    "entity",
    "enum_type",
    "event",
    "gathered",
    "given",
    "id_of",
    "input_type",
    "is_taken",
    "lookup",
    "made_before",
    "many",
    "maybe",
    "mutation",
    "network_of",
    "object_type",
    "one",
    "only_of",
    "page",
    "payload",
    "query",
    "refresh",
    "require_version",
    "seal",
    "sql",
    "standard",
    "subscription",
    "unseal",
    "with_request_hash",
]
