"""What the use of models cost."""
