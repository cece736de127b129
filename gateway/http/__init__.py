"""The transport: GraphQL over HTTP, over websockets (graphql-transport-ws) and over server-sent events.

Nothing here knows the schema or the database. In `edge.py` an operation passes from the transport to the engine, and
its answer back.
"""
