"""Adapters that keep what the rooms above the log remember, in the one database."""
