"""Turn a request into an operation that may run: parse, limit, validate, cost and coerce."""
