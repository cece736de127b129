"""Explains operations: shows the statements they would send, without a database."""
