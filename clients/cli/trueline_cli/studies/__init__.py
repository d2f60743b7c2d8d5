"""Studies on the command line: their periods, and how they are shown."""
