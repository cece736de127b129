"""Users, their sessions, and signing in."""
