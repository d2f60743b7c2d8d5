"""How checkpoints and the backlog are told on the command line."""
