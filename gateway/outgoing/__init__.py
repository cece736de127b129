"""Requests that Parley sends to addresses that users choose. It reaches no network that the operator did not allow."""
