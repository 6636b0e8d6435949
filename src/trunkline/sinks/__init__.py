"""The ways out: one module per kind of sink."""
