"""Timers: what has to be done later, kept through restarts and done once."""
