"""How callers share what there is: the event loop, connections, threads, and the bytes of large operations."""
