"""Optimizations of the context of conversations."""
