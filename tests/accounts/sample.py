"""What the tests must know of accounts: an address and a password are valid only in their forms."""

from __future__ import annotations

VALUES = {"email": "generated@example.org", "username": "generated", "password": "another long password"}
