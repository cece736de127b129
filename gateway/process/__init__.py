"""The processes of `parley serve`: a single one, or workers and their supervisor."""
