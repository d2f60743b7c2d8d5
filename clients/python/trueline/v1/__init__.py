"""The generated contract; never edited."""
