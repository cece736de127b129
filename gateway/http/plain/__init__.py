"""Plain requests, which one answer ends: from the connection's bytes to the reply."""
