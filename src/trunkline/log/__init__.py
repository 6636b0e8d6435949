"""The event log: the append-only record, and per sink its bookmark and exceptions."""
