"""Requests that callers may repeat: one that comes again with its id changes nothing more."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select
from trueline_stores.state.case_tables import CASE_REQUESTS

from trueline_server.errors import invalid_field

# How long, and how many of a tenant, requests are remembered; the contract tells it.
REMEMBERED_US = 86_400_000_000
MOST_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a change.

    Attributes:
        id: the same for the same change, however often it is asked for; "" = it is not repeated.
        digest: 32 hex digits over all that is asked.

    """

    id: str = ""
    digest: str = ""


UNREPEATED = Request()


def answered(connection: Connection, tenant: str, request: Request, now_us: int) -> str | None:
    """What a request changed when it came before: the id of it; None if it did not, or has no id.

    Args:
        connection: in a transaction.
        tenant: whose.
        request: what is asked.
        now_us: the server's clock (µs since 1970, UTC).

    Raises:
        TruelineError: INVALID_FIELD, if the id came with another request.

    """
    if not request.id:
        return None
    columns = CASE_REQUESTS.c
    key = (columns.tenant == tenant, columns.request_id == request.id)
    row = connection.execute(select(CASE_REQUESTS).where(*key)).first()
    if row is None or row.at_us < now_us - REMEMBERED_US:
        return None
    if row.asked != request.digest:
        told = f"is '{request.id[:80]}', which was given with another request; take a new one for each change"
        raise invalid_field("request_id", told)
    return str(row.answer)


def remember(connection: Connection, tenant: str, request: Request, answer: str, now_us: int) -> None:
    """Keep what a request changed, in the transaction of the change, and forget what is old."""
    if not request.id:
        return
    columns = CASE_REQUESTS.c
    own = columns.tenant == tenant
    connection.execute(delete(CASE_REQUESTS).where(own, columns.at_us < now_us - REMEMBERED_US))
    connection.execute(delete(CASE_REQUESTS).where(own, columns.request_id == request.id))
    newest = select(columns.at_us).where(own).order_by(columns.at_us.desc())
    oldest = connection.execute(newest.offset(MOST_REMEMBERED - 1).limit(1)).scalar()
    if oldest is not None:
        connection.execute(delete(CASE_REQUESTS).where(own, columns.at_us <= oldest))
    row = {"tenant": tenant, "request_id": request.id, "asked": request.digest, "answer": answer, "at_us": now_us}
    connection.execute(insert(CASE_REQUESTS), [row])
