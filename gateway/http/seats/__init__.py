"""Limits on connections, sockets and streams, and which of them are closed to make room."""
