"""From a request to an operation that may run: parse, limit, validate, cost and coerce."""
