"""Parts of the statements that read lists: their order and their conditions, as SQL text."""
