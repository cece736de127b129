"""Which broker the settings ask for."""

from __future__ import annotations

from gateway.broker.postgres import postgres_broker
from gateway.broker.process import ProcessBroker
from gateway.broker.protocol import Broker
from gateway.config import Settings


def broker_for(settings: Settings, database_url: str) -> Broker:
    """The broker of a process that serves on this database."""
    match settings.chosen_broker:
        case "process:":
            return ProcessBroker()
        case "postgres:":
            return postgres_broker(database_url)
        case urls:
            from gateway.broker.nats import nats_broker  # takes 80 ms, which nobody else should pay

            return nats_broker(urls)
