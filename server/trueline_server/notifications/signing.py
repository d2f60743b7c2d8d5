"""Signatures of webhooks as Standard Webhooks has them, so that receivers verify them with a library they have.

The header `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
# A receiver refuses what is older or newer: whoever recorded a call could play it again.
TOLERANCE_S = 300
_PREFIX = "whsec_"


def sign(secret: str, key: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers for a body that is sent at an instant (seconds since 1970)."""
    signature = base64.b64encode(_mac(secret, key, timestamp_s, body)).decode()
    return {ID: key, TIMESTAMP: str(timestamp_s), SIGNATURE: f"v1,{signature}"}


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Whether a body with these headers (names in lower case) comes from whoever has the secret, and is fresh."""
    key, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not key or not timestamp.isdecimal() or abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    expected = _mac(secret, key, int(timestamp), body)
    given = [part.partition(",")[2] for part in headers.get(SIGNATURE, "").split() if part.startswith("v1,")]
    return any(hmac.compare_digest(expected, _decoded(each)) for each in given)


def _mac(secret: str, key: str, timestamp_s: int, body: bytes) -> bytes:
    secret_bytes = _decoded(secret.removeprefix(_PREFIX)) if secret.startswith(_PREFIX) else secret.encode()
    return hmac.new(secret_bytes or secret.encode(), f"{key}.{timestamp_s}.".encode() + body, hashlib.sha256).digest()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
