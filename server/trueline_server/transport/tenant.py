"""The tenant of the call at hand, set from its credential before a handler runs."""

from __future__ import annotations

from contextvars import ContextVar

# Every call runs in a context of its own, so a value set for one call is not seen by another.
TENANT: ContextVar[str] = ContextVar("trueline_tenant", default="default")


def current_tenant() -> str:
    """The tenant of the call at hand; "default" outside of calls and when no tokens are configured."""
    return TENANT.get()
