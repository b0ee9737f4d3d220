"""What an environment costs a month: prices, usage, and what the project itself says."""
