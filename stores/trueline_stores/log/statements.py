"""The SQL of the SQLite event log: its tables and every statement that touches them."""

from __future__ import annotations

PAGE_BYTES = 4096

# FULL: the write-ahead log is synced at each commit, which is what "accepted means kept" rests on.
# Checkpoints every 16 MiB: each costs two syncs, and a longer write-ahead log only makes the next opening slower.
PRAGMAS = (
    f"PRAGMA page_size = {PAGE_BYTES}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA wal_autocheckpoint = {16 * 1024 * 1024 // PAGE_BYTES}",
    f"PRAGMA journal_size_limit = {64 * 1024 * 1024}",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA busy_timeout = 10000",
)

# identities: keyed by (stream, id) without a rowid, so that looking up and inserting is one walk down one tree.
#   ticket: number of the row among all rows that ever were tried; it grows with time, so it dates the identity (ages)
#   and tells the rows of the statement at hand from those that were there before.
# ages: the first ticket of a second; at most one row a second.
# entries: the payload comes last, so that reading the other columns does not touch its overflow pages.
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL,"
    " end_position INTEGER NOT NULL, next_ticket INTEGER NOT NULL, accepted_at INTEGER NOT NULL)",
    "INSERT OR IGNORE INTO state VALUES (1, 1, 0, 1, 0)",
    "CREATE TABLE IF NOT EXISTS streams (stream INTEGER PRIMARY KEY, tenant TEXT NOT NULL, source TEXT NOT NULL,"
    " UNIQUE (tenant, source))",
    "CREATE TABLE IF NOT EXISTS identities (stream INTEGER NOT NULL, id TEXT NOT NULL, digest BLOB NOT NULL,"
    " ticket INTEGER NOT NULL, PRIMARY KEY (stream, id)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS ages (ticket INTEGER PRIMARY KEY, accepted_at INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS entries (first_position INTEGER PRIMARY KEY, last_position INTEGER NOT NULL,"
    " tenant TEXT NOT NULL, accepted_at INTEGER NOT NULL, finished_source TEXT, payload BLOB)",
)

READ_STATE = "SELECT end_position, next_ticket, accepted_at FROM state"
WRITE_STATE = "UPDATE state SET end_position = ?, next_ticket = ?, accepted_at = ?"

FIND_STREAM = "SELECT stream FROM streams WHERE tenant = ? AND source = ?"
STREAMS = "SELECT source FROM streams WHERE tenant = ? ORDER BY source LIMIT ?"
ADD_STREAM = "INSERT INTO streams (tenant, source) VALUES (?, ?)"

# Parameters: stream, digests, first ticket, ids as a JSON array. "WHERE true" keeps the parser from taking ON CONFLICT
# for a join condition.
CLAIM = (
    "INSERT INTO identities SELECT ?1, value, substr(?2, key * 8 + 1, 8), ?3 + key FROM json_each(?4) WHERE true"
    " ON CONFLICT DO NOTHING"
)
CHANGES = "SELECT changes()"
# The rows that did not go in: whether the identity that stands there has the same digest. Same parameters.
# CROSS JOIN keeps SQLite from scanning the identities.
REFUSED = (
    "SELECT given.key, kept.digest = substr(?2, given.key * 8 + 1, 8) FROM json_each(?4) AS given CROSS JOIN"
    " identities AS kept ON kept.stream = ?1 AND kept.id = given.value WHERE kept.ticket <> ?3 + given.key"
    " ORDER BY given.key"
)

LAST_AGE = "SELECT accepted_at FROM ages ORDER BY ticket DESC LIMIT 1"
ADD_AGE = "INSERT INTO ages VALUES (?, ?)"
FIRST_TICKET_SINCE = "SELECT min(ticket) FROM ages WHERE accepted_at > ?"
DROP_AGES = "DELETE FROM ages WHERE ticket < ?"

# Identities are pruned by walking over their key: an index on ticket would cost every append for what is done rarely.
CHUNK_END = "SELECT stream, id FROM identities WHERE (stream, id) > (?, ?) ORDER BY stream, id LIMIT 1 OFFSET ?"
DROP_IDENTITIES = "DELETE FROM identities WHERE (stream, id) > (?, ?) AND (stream, id) <= (?, ?) AND ticket < ?"
DROP_LAST_IDENTITIES = "DELETE FROM identities WHERE (stream, id) > (?, ?) AND ticket < ?"

ADD_ENTRY = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)"
# Begins with the entry that holds position ?1, if it is still kept.
READ_ENTRIES = (
    "SELECT first_position, last_position, tenant, accepted_at, finished_source, payload FROM entries"
    " WHERE first_position >= coalesce((SELECT max(first_position) FROM entries WHERE first_position <= ?1), 0)"
    " AND last_position >= ?1 ORDER BY first_position"
)
FIRST_ENTRY = "SELECT min(first_position) FROM entries"
OLDEST_ENTRIES = "SELECT last_position, accepted_at FROM entries ORDER BY first_position LIMIT ?"
DROP_ENTRIES = "DELETE FROM entries WHERE first_position <= ?"
