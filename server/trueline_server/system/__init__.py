"""The SystemService: how the server is, and how it reads files of events."""
