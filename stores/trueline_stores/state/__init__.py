"""What a server must remember that is neither an event nor a number: rules in force, operations, alerts."""
