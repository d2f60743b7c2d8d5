"""Files of events: opened, cut into blocks of records, converted to columns."""
