"""Notifications: what is to be said to channels, said at least once, each try logged, what failed kept."""
