"""Tool executions and their approval."""
