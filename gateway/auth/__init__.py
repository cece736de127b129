"""Authentication: access tokens, refresh tokens, agents' tokens and scopes, passwords, and the keys behind them.

Nothing here reads settings: keys, clocks and limits are passed in. What to store is returned, but for the time at which
an agent's token was last used.
"""
