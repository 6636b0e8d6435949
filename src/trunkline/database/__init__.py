"""The data folder and the one database file in it: group commit for all."""

DATABASE_FILE = "trunkline.db"
"""Name of the database file in the data folder."""
