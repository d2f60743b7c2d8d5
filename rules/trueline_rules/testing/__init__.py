"""Tests of rules: runs the cases of RuleTest documents, and tells which branches of which conditions they took."""
