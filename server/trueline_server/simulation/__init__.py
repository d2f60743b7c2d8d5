"""Simulations: what rules, routes, silences and escalations would have done, and who would have been woken when."""
