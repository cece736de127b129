"""Every statement reads by an index, in the order of the index, also for a user among many with years of data.

PostgreSQL serves a prepared statement from a plan for its parameters or from one for any parameters, and either is held to
it.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import GraphQLEnumType, GraphQLField, GraphQLObjectType, GraphQLSchema, get_named_type

from gateway.data.queries import SQL_DIRECTORY, Query, parse_file
from gateway.schema.build import graphql_schema
from tests.bench.fill import fill
from tests.database import Database
from tests.plans import Plan, Planner, Sent, planner_of
from tests.serving import Client, Serving, serving_on

LINKED = """{ viewer { conversations { nodes { title lastMessage { content }
    messages(first: 50) { nodes { seq role content toolExecutions { nodes { toolName status transitions { to at } } } } }
    contextOptimizations { nodes { optimizationType } } usage { totalTokens costUsd } } } } }"""
