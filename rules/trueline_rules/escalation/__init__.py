"""Escalation: whom a case goes to next, when, and what must happen by when. Pure; every instant comes in."""
