"""Backups: `parley backup` writes one file, `parley restore` brings it into an empty database."""
