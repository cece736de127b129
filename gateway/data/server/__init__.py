"""The database server: the embedded one, how either is opened, and the programs that dump it."""
