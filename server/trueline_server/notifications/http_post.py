"""One POST over HTTP with a hard end.

Done with the standard library: a pool of connections, redirects, cookies and proxies, which HTTP libraries are for,
must all be off here, and a connection that a deadline can shut down has to be opened by hand anyway.
"""

from __future__ import annotations

import functools
import http.client
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

from trueline_server.notifications.deadline import Deadline
from trueline_server.notifications.failures import DeliveryError
from trueline_server.notifications.model import Outcome
from trueline_server.notifications.reach import Reach

_ANSWER_BYTES = 2048
_WAITING = "while waiting for the answer"
# The same message would be answered so again; whoever runs the channel must see to it.
_REFUSED = frozenset({401, 403, 404, 405, 407, 410})
# It is this message that is not wanted; others may be.
_MESSAGE_REFUSED = frozenset({400, 406, 411, 413, 414, 415, 422, 431})


@functools.cache
def tls_context() -> ssl.SSLContext:
    """How TLS is spoken: certificates are checked against the machine's authorities, and against the host's name."""
    return ssl.create_default_context()


def post(url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline, reach: Reach) -> str:
    """Post a body to where it may go; answers what the other side said, short.

    Raises:
        DeliveryError: it was not taken, or nobody knows.

    """
    parts = urlsplit(url)
    connection = _connected(parts, deadline, reach)
    try:
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, dict(headers))
        except (OSError, http.client.HTTPException) as error:
            # Without the end of the body nobody takes it for a request.
            raise DeliveryError(Outcome.FAILED, _why(error, deadline, "while sending")) from error
        try:
            answer = connection.getresponse()
            said = answer.read(_ANSWER_BYTES).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryError(Outcome.UNKNOWN, _why(error, deadline, _WAITING)) from error
        if deadline.passed:
            # Headers that were cut off look as if they had ended.
            raise DeliveryError(Outcome.UNKNOWN, _why(TimeoutError(), deadline, _WAITING))
    finally:
        connection.close()
    return _judged(answer, said)


def _connected(parts: SplitResult, deadline: Deadline, reach: Reach) -> http.client.HTTPConnection:
    host, secure = parts.hostname or "", parts.scheme == "https"
    try:
        port = parts.port or (443 if secure else 80)
        connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(host, port)
        opened = deadline.connect(host, port, reach)
        try:
            connection.sock = tls_context().wrap_socket(opened, server_hostname=host) if secure else opened
        except (OSError, ValueError):
            opened.close()
            raise
    except (OSError, ValueError) as error:
        raise DeliveryError(Outcome.FAILED, _why(error, deadline, "while connecting")) from error
    return connection


def _judged(answer: http.client.HTTPResponse, said: str) -> str:
    status = answer.status
    told = f"{status} {answer.reason}: {said}" if said.strip() else f"{status} {answer.reason}"
    if 200 <= status < 300:
        return told
    if 300 <= status < 400:
        # A redirect could lead the message and its signature anywhere; nor does a POST survive each kind of them.
        there = urlsplit(answer.headers.get("Location", ""))
        told = f"{status}: it points to {there.scheme}://{there.hostname}; redirects are not followed, so name that URL"
        raise DeliveryError(Outcome.REFUSED, told)
    if status in _REFUSED or status in _MESSAGE_REFUSED:
        raise DeliveryError(Outcome.REFUSED, told, message_at_fault=status in _MESSAGE_REFUSED)
    # A gateway that heard nothing in time does not know what became of it.
    outcome = Outcome.UNKNOWN if status == HTTPStatus.GATEWAY_TIMEOUT else Outcome.FAILED
    retry_after_s = _retry_after_s(answer.headers.get("Retry-After", ""))
    raise DeliveryError(outcome, told, retry_after_s=retry_after_s, answered=True)


def _retry_after_s(text: str) -> float | None:
    """The header's seconds, or its date."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    # The other side's date and this machine's clock, as HTTP has it.
    return max((at.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def _why(error: Exception, deadline: Deadline, when: str) -> str:
    if deadline.passed or isinstance(error, TimeoutError):
        return f"no answer within {deadline.seconds:g} s, {when}"
    return f"{str(error) or type(error).__name__}, {when}"
