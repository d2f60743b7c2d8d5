"""Which tenant a credential belongs to."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping

from trueline_server.errors import TruelineError

OPEN_TENANT = "default"
_SCHEME = "bearer "


class Credentials:
    """Tokens and their tenants. Without any token the server is open, and all calls are the tenant "default"'s."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = tuple((token.encode(), tenant) for token, tenant in tokens.items())

    def tenant_of(self, metadata: Iterable[tuple[str, str | bytes]]) -> str:
        """The tenant of a call by its metadata `authorization: Bearer TOKEN`.

        Every token is compared in full, so the time taken tells nothing about how near a guess was.

        Raises:
            TruelineError: UNAUTHENTICATED, if there is no token or it is not known.

        """
        if not self._tokens:
            return OPEN_TENANT
        given = _bearer(metadata)
        found = None
        for token, tenant in self._tokens:
            if hmac.compare_digest(token, given):
                found = tenant
        if found is None:
            what = "is not known" if given else "is missing"
            raise TruelineError(
                "UNAUTHENTICATED",
                "UNAUTHENTICATED",
                f"the credential {what}; send metadata 'authorization: Bearer TOKEN'",
            )
        return found


def _bearer(metadata: Iterable[tuple[str, str | bytes]]) -> bytes:
    for key, value in metadata:
        text = value if isinstance(value, str) else value.decode(errors="replace")
        if key == "authorization" and text[: len(_SCHEME)].lower() == _SCHEME:
            return text[len(_SCHEME) :].strip().encode()
    return b""
