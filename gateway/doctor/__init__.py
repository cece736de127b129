"""`parley doctor`: examines an installation, and says what to do about each finding."""
