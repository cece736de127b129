"""`parley models`: imports language models and their prices, and lists them."""
