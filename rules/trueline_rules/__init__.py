"""The rule engine: what ops people write in YAML, loaded strictly and turned into typed values. Pure: no I/O but files."""
