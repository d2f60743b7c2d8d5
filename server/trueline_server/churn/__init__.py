"""Churn: who is likely to leave, why, and what to do about it."""
