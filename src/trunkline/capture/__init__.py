"""Ways in: each turns what its own world reports into events."""
