"""The processes of `parley serve`: one that serves, or workers and the one that supervises them."""
