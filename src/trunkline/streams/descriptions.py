"""What sinks and subscriptions may be described with. Pure."""

from unicodedata import category


# A few sentences; enough for a human, too little to use the field as a store.
MAX_DESCRIPTION = 1024


def flaw(description: str) -> str | None:
    """Return what is wrong with a description, None where it is good."""
    if not description.strip():
        return "Description is empty"
    if len(description) > MAX_DESCRIPTION:
        return f"Description is longer than {MAX_DESCRIPTION} characters"
    if any(category(c) == "Cc" and c not in "\t\r\n" for c in description):
        return "Description has control characters"
    return None
