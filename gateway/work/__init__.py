"""Background work: jobs that a domain declares, the queue that holds them, and the loop that runs them."""
