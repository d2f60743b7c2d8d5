"""Scoring: what features are worth to whom, and how accounts are, by profiles in rule files."""
