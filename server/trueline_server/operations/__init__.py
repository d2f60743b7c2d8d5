"""Long work: begun by a call, run in its turn, told of and ended by name."""
