"""Live subscriptions: one execution for all who ask for the same, encoded once, pushed to every socket.

    last = await live.serve(operation, identity, client, sink, after=cursor)

runs a subscription until it ends, and returns what ended it: an answer without data that says why, or None when the
source came to its end (`complete`). A transport gives it a `Sink` (`sink.py`): `push(payload, cursor)` writes an answer
at once and says whether there is room for more, `drained()` waits for room. What a sink raises ends the subscription
and comes out of `serve` as it is. `after`, a cursor as from `Last-Event-ID`, takes the place of the argument.

`live.counts` (`counts.py`) holds plain numbers for whoever wants to look.
"""
