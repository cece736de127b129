"""Usage of models and its cost."""
