"""Alerts, pure: series of samples, operands over them, the join of facts, and the state machine that judges them."""
