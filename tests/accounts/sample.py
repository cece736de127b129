"""Sample values for accounts: e-mail addresses, usernames and passwords must have a valid format."""

from __future__ import annotations

VALUES = {"email": "generated@example.org", "username": "generated", "password": "another long password"}
