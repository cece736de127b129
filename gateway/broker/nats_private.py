"""What is used of nats-py's private parts: all names here, and no others anywhere.

The broker's client overrides or reads these names of itself. `test_private_names.py` fails by name when one disappears.
"""

from __future__ import annotations

from nats.aio.client import Client

PRIVATE = (
    "nats.aio.client.Client._connect_command",
    "nats.aio.client.Client._current_server",
    "nats.aio.client.Client._pongs",
    "nats.aio.client.Client._process_err",
    "nats.aio.client.Client._process_msg",
    "nats.aio.client.Client._process_op_err",
    "nats.aio.client.Client._server_info",
    "nats.aio.client.Client._subs",
    "nats.aio.client.Client._transport",
    "nats.aio.transport.TcpTransport._io_writer",
)


def abort(client: Client) -> None:
    """Close the connection without sending what is left."""
    writer = getattr(client._transport, "_io_writer", None)
    if writer is not None:
        writer.transport.abort()
