"""Compliance on the command line: what files say, and how verdicts are shown."""
