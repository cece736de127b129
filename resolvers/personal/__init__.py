"""What a user keeps by themselves: tags."""
