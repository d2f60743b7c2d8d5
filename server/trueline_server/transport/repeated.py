"""What makes a request known when it comes again with its request_id."""

from __future__ import annotations

from typing import Any

from trueline_server.cases.requests import Request
from trueline_server.transport.tokens import binding_of


def request_of(request: Any) -> Request:
    """The request behind a message of the contract that has a `request_id`; bound to the tenant of the call."""
    return Request(request.request_id, binding_of(request, "request_id").hex())
