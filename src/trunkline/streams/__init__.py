"""Sinks and subscriptions as domain objects: rules, life cycle, routing."""
