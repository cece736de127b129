"""Subscriptions as event streams, by the protocol GraphQL over Server-Sent Events."""
