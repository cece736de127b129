"""Removal: deleted objects are restored, or removed for good."""
