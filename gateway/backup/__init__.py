"""Backups: `parley backup` writes one file, and `parley restore` loads it into an empty database."""
