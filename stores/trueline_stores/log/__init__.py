"""The event log: durable, ordered, deduplicated by (tenant, source, id)."""

from trueline_stores.log.port import AppendResult, EventLog, LogEntry
from trueline_stores.log.sqlite import SqliteEventLog

__all__ = ["AppendResult", "EventLog", "LogEntry", "SqliteEventLog"]
