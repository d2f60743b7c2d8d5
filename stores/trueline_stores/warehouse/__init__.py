"""The warehouse: ClickHouse, in this process (chDB) or over HTTP, always through clickhouse-connect."""
