"""The private names of nats-py that Parley uses. No others may be used anywhere.

The broker's client overrides these names or reads them on itself. `test_private_names.py` fails by name when one
disappears.
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
    """Close the connection and discard unsent data."""
    writer = getattr(client._transport, "_io_writer", None)
    if writer is not None:
        writer.transport.abort()
