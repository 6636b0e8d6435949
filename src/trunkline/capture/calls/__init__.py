"""Call progress: from an engine's report to a callback and its events.

A report moves a call on (`call.advance`). Where the call asked for it, that owes a
callback, stored in the same transaction; the sender makes it, in order per call, and
the call event and the two Event Streams events come out. Spec call-progress.
"""
