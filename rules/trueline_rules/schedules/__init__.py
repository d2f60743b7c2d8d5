"""Calendars: who is on call when, and when something is run. Pure; every instant comes in."""
