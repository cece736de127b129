"""`parley report`: what an operator asks about all users."""
