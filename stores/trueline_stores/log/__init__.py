"""The event log: durable, ordered, deduplicated by (tenant, source, id)."""

from trueline_stores.log.memory import InMemoryEventLog, LogMemory
from trueline_stores.log.port import AppendResult, EventLog, LogEntry
from trueline_stores.log.sqlite import SqliteEventLog

__all__ = ["AppendResult", "EventLog", "InMemoryEventLog", "LogEntry", "LogMemory", "SqliteEventLog"]
