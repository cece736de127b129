"""Plain requests, which have a single answer: from the connection's bytes to the reply."""
