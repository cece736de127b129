"""Authentication: access tokens, refresh tokens, passwords, and the keys behind them.

Nothing here reads settings or writes to the database: keys, clocks and limits are passed in, and what to store is
returned.
"""
