"""Schedules: what is run when, once for each time, by one of all processes."""
