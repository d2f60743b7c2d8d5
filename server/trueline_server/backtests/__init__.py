"""Backtests: what alert rules would have done on the history of a tenant, as a long-running operation."""
