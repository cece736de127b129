"""What plain requests, sockets and streams read alike: the token, the client, the GraphQL request."""
