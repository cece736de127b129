"""GraphQL over a websocket, by the protocol graphql-transport-ws."""
