"""How Parley speaks to its clients: GraphQL over HTTP, and over websockets by graphql-transport-ws.

Nothing here knows the schema or the database. `edge.py` is where an operation leaves the transport and
enters the engine; what comes before it reads requests, and what comes after it writes answers.
"""
