"""What an operator watches Parley with: metrics and traces."""
