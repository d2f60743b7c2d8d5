"""Event intake: reads batches of both forms into columns, checks and digests them, and appends them to the log."""
