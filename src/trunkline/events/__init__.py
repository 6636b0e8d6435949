"""The vocabulary: event types, envelope, data schemas, ids and times. All pure."""
