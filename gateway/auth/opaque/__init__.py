"""Opaque tokens, of which the database holds only a hash: the refresh tokens of sessions, and the tokens of agents."""
