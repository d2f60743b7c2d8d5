"""The decision log: what rules decided about which facts, kept, counted, and replayed to explain it."""
