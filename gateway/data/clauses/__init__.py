"""Clauses of the statements that read lists: their order, where a page continues, and their conditions."""
