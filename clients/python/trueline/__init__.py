"""Typed clients for Trueline. Names are loaded when they are first used, so `import trueline` costs nothing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueline.aio import AsyncTruelineClient
    from trueline.batch import ColumnBatch, EncodingError
    from trueline.client import TruelineClient
    from trueline.errors import (
        BackpressureError,
        DeadlineExceededError,
        InternalServerError,
        InvalidRequestError,
        NotFoundError,
        PreconditionError,
        ResumeTokenExpiredError,
        SendError,
        SlowReaderError,
        TruelineError,
        UnauthenticatedError,
        UnavailableError,
        Violation,
    )
    from trueline.event import Event, new_event_id
    from trueline.results import (
        Aggregation,
        AlignmentScore,
        Band,
        Completeness,
        DataQuality,
        Direction,
        EventMapping,
        FieldSource,
        Heartbeat,
        IngestResult,
        KpiValue,
        Metric,
        MetricChanges,
        MetricPoint,
        MetricSeries,
        MetricSnapshot,
        PriorityAction,
        QualityCheck,
        Rejection,
        ScoreChange,
        ScoreItem,
        ScoreSnapshot,
        SourceStatus,
        Status,
        Synced,
    )
    from trueline.retries import RetryPolicy
    from trueline.sender import BatchingSender, SenderTotals

_MODULES = {
    "aio": ("AsyncTruelineClient",),
    "batch": ("ColumnBatch", "EncodingError"),
    "client": ("TruelineClient",),
    "errors": (
        "BackpressureError",
        "DeadlineExceededError",
        "InternalServerError",
        "InvalidRequestError",
        "NotFoundError",
        "PreconditionError",
        "ResumeTokenExpiredError",
        "SendError",
        "SlowReaderError",
        "TruelineError",
        "UnauthenticatedError",
        "UnavailableError",
        "Violation",
    ),
    "event": ("Event", "new_event_id"),
    "results": (
        "Aggregation",
        "AlignmentScore",
        "Band",
        "Completeness",
        "DataQuality",
        "Direction",
        "EventMapping",
        "FieldSource",
        "Heartbeat",
        "IngestResult",
        "KpiValue",
        "Metric",
        "MetricChanges",
        "MetricPoint",
        "MetricSeries",
        "MetricSnapshot",
        "PriorityAction",
        "QualityCheck",
        "Rejection",
        "ScoreChange",
        "ScoreItem",
        "ScoreSnapshot",
        "SourceStatus",
        "Status",
        "Synced",
    ),
    "retries": ("RetryPolicy",),
    "sender": ("BatchingSender", "SenderTotals"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [  # noqa: RUF022  in the order a reader meets them
    "TruelineClient",
    "AsyncTruelineClient",
    "BatchingSender",
    "SenderTotals",
    "RetryPolicy",
    "Event",
    "new_event_id",
    "ColumnBatch",
    "EncodingError",
    "IngestResult",
    "Rejection",
    "Aggregation",
    "Completeness",
    "Metric",
    "MetricPoint",
    "MetricSeries",
    "MetricSnapshot",
    "MetricChanges",
    "Synced",
    "Heartbeat",
    "Band",
    "Direction",
    "KpiValue",
    "ScoreItem",
    "AlignmentScore",
    "ScoreSnapshot",
    "ScoreChange",
    "PriorityAction",
    "QualityCheck",
    "DataQuality",
    "SourceStatus",
    "Status",
    "EventMapping",
    "FieldSource",
    "TruelineError",
    "Violation",
    "InvalidRequestError",
    "NotFoundError",
    "UnauthenticatedError",
    "PreconditionError",
    "BackpressureError",
    "UnavailableError",
    "DeadlineExceededError",
    "ResumeTokenExpiredError",
    "SlowReaderError",
    "InternalServerError",
    "SendError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'trueline' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"trueline.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
