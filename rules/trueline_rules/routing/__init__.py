"""Who is told of which alerts, when, and why not: routes, groups, inhibitions, silences and maintenance; no I/O."""
