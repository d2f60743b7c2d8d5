"""Stores: the event log, the warehouse and the bus, each a port with its backends. Knows no transport and no rules."""
