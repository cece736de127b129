"""Who is calling: access tokens, refresh tokens, passwords, and the keys behind them.

Nothing here reads settings or the database: keys, clocks and limits are passed in; what to store is returned.
"""
