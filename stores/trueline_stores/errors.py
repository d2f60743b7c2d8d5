"""Errors of the stores: each names its canonical gRPC code and an ErrorReason, without knowing gRPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class StoreError(Exception):
    """A store could not do what was asked.

    Attributes:
        code: canonical status code name, e.g. "RESOURCE_EXHAUSTED".
        reason: an ErrorReason without its prefix, e.g. "LOG_FULL".
        metadata: what a program needs to act, text to text.
        retry_after_s: seconds after which a retry makes sense; None if none does.

    """

    code = "INTERNAL"
    reason = "INTERNAL"

    def __init__(
        self, message: str, *, metadata: Mapping[str, str] | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s


class LogFullError(StoreError):
    """The disk under the log is full; nothing of the batch was accepted."""

    code = "RESOURCE_EXHAUSTED"
    reason = "LOG_FULL"


class BackpressureError(StoreError):
    """A store or the dataflow is behind."""

    code = "RESOURCE_EXHAUSTED"
    reason = "BACKPRESSURE"


class UnknownSourceError(StoreError):
    """The tenant never had an event of this source.

    Attributes:
        known: some of the sources that it had events of.

    """

    code = "NOT_FOUND"
    reason = "UNKNOWN_SOURCE"

    def __init__(self, source: str, known: Sequence[str]) -> None:
        super().__init__(f"no event of source '{source}' was ever accepted", metadata={"source": source})
        self.known = tuple(known)


class DirectoryHeldError(StoreError):
    """Another process holds the data directory; metadata names its pid and since when."""

    code = "FAILED_PRECONDITION"
    reason = "NOT_SERVING"


class DirectoryUnusableError(StoreError):
    """The data directory cannot be made or written; metadata names it."""

    code = "FAILED_PRECONDITION"
    reason = "NOT_SERVING"


class StoreClosedError(StoreError):
    """The store is closed or closing."""

    code = "UNAVAILABLE"
    reason = "NOT_SERVING"


class StatementRefusedError(StoreError):
    """A confined statement is not allowed, or ran over its limits.

    Attributes:
        offset: the character of the statement, as it is written, at which it is refused; None = all of it is meant.
        names: a name of the statement that is refused, to find it by; "" = none is.

    """

    code = "FAILED_PRECONDITION"
    reason = "STATEMENT_REFUSED"

    def __init__(
        self, message: str, *, metadata: Mapping[str, str] | None = None, offset: int | None = None, names: str = ""
    ) -> None:
        super().__init__(message, metadata=metadata)
        self.offset = offset
        self.names = names


class SchemaTooNewError(StoreError):
    """The warehouse was written by a newer version, which this one would not understand."""

    code = "FAILED_PRECONDITION"
    reason = "NOT_SERVING"


class QueryTimeoutError(StoreError):
    """A query ran longer than it may; metadata names the limit."""

    code = "DEADLINE_EXCEEDED"
    reason = "DEADLINE_EXCEEDED"


class QueryMemoryError(StoreError):
    """A query needed more memory than it may take; narrowing its range helps."""

    code = "RESOURCE_EXHAUSTED"
    reason = "TOO_MANY_POINTS"
