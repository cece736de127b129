"""What the process says of itself while it runs: log lines, progress, and the numbers that metrics are made of."""
