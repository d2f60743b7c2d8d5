"""The rule engine: what ops people write in YAML, loaded strictly into typed values. Its only I/O is files."""
