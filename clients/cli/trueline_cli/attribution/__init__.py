"""How attribution is told on the command line."""
