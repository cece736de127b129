"""Running a plan: its selections, their steps, and the run that joins them."""
