"""Secrets of users, such as API keys of providers: sealed, stored, and opened where they are used.

Each user has a data key that seals the user's secrets. The data key is stored wrapped by a key-encryption key, which is
in the keys file. Whoever has the database alone opens nothing; destroying a data key destroys all that it sealed.
"""
