"""Live subscriptions: equal ones share one execution, whose answers are encoded once and pushed to every socket.

    last = await live.serve(operation, identity, client, sink, after=cursor)

runs a subscription until it ends, and returns an answer without data that says why, or None if the source ended
(`complete`). The transport passes a `Sink` (`sink.py`): `push(payload, cursor)` writes an answer without waiting and
returns whether there is room for more, and `drained()` waits for room. Exceptions of the sink end the subscription and
propagate from `serve`. `after`, a cursor as in `Last-Event-ID`, overrides the argument.

`live.counts` (`counts.py`) has counters for metrics.
"""
