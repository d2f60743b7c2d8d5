"""What a server tells of itself to Prometheus, if a setting wants it."""
