"""Takes events from the log to the sinks: decide, retry, settle or bury.

`dispatcher` matches what is appended, and a `lane` for each sink queues it. `attempts`
sends it, at the pace of `pacing` and in the order of `ordering`, and judges the answer
by `decide` and `retry`. What arrived is settled then and there (`settlement`); what
did not is written down by `keeping`, and taken up again by `retries`. `telling` tells
those who look on.
"""
