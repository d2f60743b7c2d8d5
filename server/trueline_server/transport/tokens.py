"""Opaque tokens for pages and resumed streams: signed with a key of the data directory and bound to their request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from google.protobuf.message import Message

from trueline_server.errors import invalid_token
from trueline_server.transport.tenant import current_tenant

KEY_FILE = "token_key"
_TAG_BYTES = 16


class Tokens:
    """Seals and opens tokens.

    The key is made with the data directory and stays with it, so a token outlives restarts, and one that was made
    over another directory (whose log positions mean something else) does not open.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def kept_in(cls, directory: Path) -> Tokens:
        """Tokens under the key of a data directory, which is made if there is none. The caller holds the directory."""
        path = directory / KEY_FILE
        if not path.exists():
            part = path.with_suffix(".part")
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        return cls(path.read_bytes())

    def key_for(self, purpose: str) -> bytes:
        """32 bytes for something else than tokens that also belongs to the data directory; none tells another."""
        return hmac.digest(self._key, b"key for " + purpose.encode(), "sha256")

    def seal(self, binding: bytes, payload: str) -> str:
        """A token that only the same binding opens."""
        data = payload.encode()
        return base64.urlsafe_b64encode(self._tag(binding, data) + data).decode().rstrip("=")

    def open(self, binding: bytes, token: str, field: str) -> str:
        """The payload of a token.

        Raises:
            TruelineError: INVALID_TOKEN naming `field`, if this server did not make it or made it for another request.

        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise invalid_token(field, "is not a token of this server; leave it out to start anew") from None
        tag, data = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(binding, data)):
            raise invalid_token(
                field,
                "was made for other arguments or by another server; repeat the arguments of the first call, "
                "or leave it out to start anew",
            )
        return data.decode()

    def _tag(self, binding: bytes, data: bytes) -> bytes:
        return hmac.digest(self._key, binding + data, "sha256")[:_TAG_BYTES]


def binding_of(request: Message, *free: str) -> bytes:
    """What ties a token to a request: the tenant, the request's type and all of its fields but the `free` ones."""
    bound = type(request)()
    bound.CopyFrom(request)
    for name in free:
        bound.ClearField(name)
    digest = hashlib.blake2b(digest_size=16)
    for part in (
        current_tenant().encode(),
        request.DESCRIPTOR.full_name.encode(),
        bound.SerializeToString(deterministic=True),
    ):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()
