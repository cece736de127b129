"""Build the schema: import the domains, complete their declarations, and join them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from gateway.data.entity import Link, entity_of
from gateway.schema.declaration import refuse_undescribed, refuse_wrong, refuse_wrong_values
from gateway.schema.fields import event, joined, link_field, root, standard
from gateway.schema.fields.changes import change_fields
from gateway.schema.fields.node import node_queries
from gateway.schema.graphql_private import print_schema_definition
from gateway.schema.objects.entity import Node
from gateway.schema.strawberry_private import core_of
from gateway.schema.types import describe
from gateway.schema.types.scalars import SCALARS
from gateway.schema.types.typing import links_of, object_type
from gateway.schema.types.wrong_declaration import WrongDeclaration

DESCRIPTION = """\
Parley: a user's conversations with AI models, with their messages, tool executions, context optimizations and usage.

`signIn` returns an access token. Send it in the header `Authorization: Bearer <token>`. Callers see only their own
data.

Ids are UUIDs. A client may choose the id of a new object, which makes the mutation idempotent: sent again with the same
id and values, it creates nothing new. A mutation returns the object it changed, or `userErrors` with every error that a
person can correct.

An omitted field of an input takes its default in a new object, and stays unchanged in an update. Null means the default
in a new object. In an update, it clears the field, or resets it to its default if it is never null; if there is no
default either, it is refused.

Lists are paginated: forwards with `first` and `after`, backwards with `last` and `before`. Events of the change feed
have a `cursor`; pass it as `after` to resume a subscription."""


def domain_modules(package: str = "resolvers") -> list[ModuleType]:
    """Import all modules of a package of domains, sorted by name.

    Raises `WrongDeclaration` for a folder that is not a package, because its modules would not be found.
    """
    parent = importlib.import_module(package)
    for folder in {path.parent for each in parent.__path__ for path in Path(each).glob("*/*.py")}:
        if not (folder / "__init__.py").exists():
            raise WrongDeclaration(
                f"{package}/{folder.name} is not a package. Give it an __init__.py with a docstring."
            )
    names = sorted(module.name for module in pkgutil.walk_packages(parent.__path__, package + "."))
    return [importlib.import_module(name) for name in names]


def build_schema(modules: Iterable[ModuleType] | None = None) -> strawberry.Schema:
    """Build the schema of everything that the modules declare. Their classes are completed once per process.

    Raises `WrongDeclaration` if a declaration would give wrong answers.
    """
    declared = [item for module in modules or domain_modules() for item in _own(module)]
    entities = {cls.__name__: cls for cls in declared if hasattr(cls, "__entity__")}
    events = [cls for cls in declared if hasattr(cls, "__event__")]
    linking = [cls for cls in declared if isinstance(cls, type) and links_of(cls)]
    refuse_wrong(entities, events, linking)
    for cls in filter(_is_unfinished, entities.values()):
        _finish_links(cls, entity_of(cls).links, entities)
        object_type(cls)
    for cls in filter(_is_unfinished, events):
        _finish_links(cls, event.event_of(cls).links, entities)
        object_type(cls)
    for cls in filter(_is_unfinished, linking):
        _finish_links(cls, links_of(cls), entities)
        object_type(cls)
    functions = [item for item in declared if root.root_kind(item)]
    functions.extend(node_queries())
    functions.extend(change_fields({name: entity_of(cls) for name, cls in entities.items() if issubclass(cls, Node)}))
    for cls in entities.values():
        functions.extend(standard.functions_of(cls, entities))
        functions.extend(joined.functions_of(cls, entities))
    pages: dict[str, Any] = {}
    for cls in entities.values():
        for name, link in entity_of(cls).roots.items():
            if name in pages:
                raise _declared_twice(name)
            pages[name] = link_field.root_page_field(link, entities)
    schema = strawberry.Schema(
        query=_root("Query", "Queries. They never change data.", functions, pages),
        mutation=_root(
            "Mutation",
            "Mutations. Each takes one `input` and returns what it changed, or `userErrors` if it changed nothing.",
            functions,
        ),
        subscription=_root(
            "Subscription", "Subscriptions, over a websocket (graphql-transport-ws) or server-sent events.", functions
        ),
        types=[*entities.values(), *events],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    core = core_of(schema)
    core.description = describe.unwrapped(DESCRIPTION)
    refuse_wrong_values(core)
    refuse_undescribed(core)
    return schema


def graphql_schema() -> GraphQLSchema:
    """Build the schema as graphql-core's type."""
    return core_of(build_schema())


def sdl() -> str:
    """Print the schema in GraphQL's schema definition language."""
    schema = build_schema()
    # Strawberry does not print the schema definition, which has the description.
    return f"{print_schema_definition(core_of(schema))}\n\n{schema.as_str()}\n"


def _own(module: ModuleType) -> list[Any]:
    """What a module declares itself, without its imports."""
    return [item for item in vars(module).values() if getattr(item, "__module__", None) == module.__name__]


def _is_unfinished(cls: type) -> bool:
    return "__strawberry_definition__" not in vars(cls)


def _finish_links(cls: type, links: dict[str, Link] | Any, entities: dict[str, type]) -> None:
    texts = describe.attributes(cls)
    for name, link in links.items():
        if link.through is not None and (target := entity_of(entities[link.target])).deletable:
            entity_of(cls).joined[link.through.to] = target.table
        setattr(cls, name, link_field.link_field(link, entities, texts.get(name)))


def _root(name: str, description: str, functions: list[Any], pages: Mapping[str, Any] = {}) -> Any:
    chosen = {f.__name__: root.root_field(f) for f in functions if root.root_kind(f) == name.lower()}
    if both := sorted(chosen.keys() & pages.keys()):
        raise _declared_twice(both[0])
    chosen |= pages
    return strawberry.type(type(name, (), chosen), description=description) if chosen else None


def _declared_twice(name: str) -> WrongDeclaration:
    return WrongDeclaration(f"Query.{name} is declared twice. Give the root_page another name.")
