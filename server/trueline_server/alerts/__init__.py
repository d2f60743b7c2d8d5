"""Alerts: alert rules evaluated live, and what becomes of what fires."""
