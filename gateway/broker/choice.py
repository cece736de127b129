"""Chooses the broker by the settings."""

from __future__ import annotations

from gateway.broker.postgres import postgres_broker
from gateway.broker.process import ProcessBroker
from gateway.broker.protocol import Broker
from gateway.config import Settings


def broker_for(settings: Settings, database_url: str) -> Broker:
    """The broker for a process that uses this database."""
    match settings.chosen_broker:
        case "process:":
            return ProcessBroker()
        case "postgres:":
            return postgres_broker(database_url)
        case urls:
            from gateway.broker.nats import nats_broker  # takes 80 ms to import

            return nats_broker(urls)
