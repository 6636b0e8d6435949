"""Call engines: adapters to what really makes calls (spec call-progress 12)."""
