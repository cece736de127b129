"""How many may connect, and who gives way: connections, sockets and streams."""
