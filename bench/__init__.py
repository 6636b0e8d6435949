"""Benchmarks of the real server, as ratios to a limit measured in the same run.

`python -m bench` measures; docs/performance.md says what, and how to read it. Each
program that takes part (server, load, receiver, limits) is a process of its own, so
that its CPU time can be told from the others'. Nothing here imports
trunkline but `fill`, which writes a log as the server does.
"""
