"""Churn on the command line: tables that are read, and what is shown."""
