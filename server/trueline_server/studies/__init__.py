"""Studies: renewal rates, revenue growth, campaign efficiency and persona impact over periods, with the reasons."""
