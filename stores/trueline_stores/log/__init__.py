"""The event log: durable, ordered, deduplicated by (tenant, source, id)."""

from trueline_stores.log.port import AppendResult, EventLog, LogEntry

__all__ = ["AppendResult", "EventLog", "LogEntry"]
