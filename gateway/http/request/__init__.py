"""What plain requests, sockets and streams have in common: the token, the client, the GraphQL request."""
