"""Backtests: what rules would have done on history, and what a change of rules would have changed."""
