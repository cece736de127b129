"""What a process reports while it runs: log lines, progress, and histograms for metrics."""
