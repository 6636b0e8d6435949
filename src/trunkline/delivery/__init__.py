"""Takes events from the log to the sinks: decide, retry, settle or bury."""
