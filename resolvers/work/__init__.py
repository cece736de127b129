"""Background work: the jobs that users asked for, and the sweeps that belong to no domain."""
