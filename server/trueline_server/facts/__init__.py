"""Facts that others put in: what is known of accounts, users and patterns, kept with the instant of its observation."""
