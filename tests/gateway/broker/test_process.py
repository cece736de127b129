"""The broker of a process alone takes everything and tells nobody, not even another one of its kind."""

from __future__ import annotations

import uuid

from gateway.broker.process import ProcessBroker
from tests.gateway.broker.ears import Ears


async def test_nobody_hears_anything() -> None:
    user, ears = uuid.uuid4(), Ears()
    here, there = ProcessBroker(), ProcessBroker()
    for broker in (here, there):
        await broker.start(ears)
        broker.watch(user)
    here.publish(user)
    here.signal(user, b"signal")
    there.unwatch(user)
    await here.close()
    await there.close()
    assert ears == Ears(_changed=ears._changed)
    assert (here.hints_sent, here.signals_sent, here.dropped) == (0, 0, 0)
