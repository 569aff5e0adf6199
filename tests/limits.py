"""Deadlines of tests: a test waits for an event, and only what hangs ever reaches one."""

HANG = 1800.0
"""Seconds for a step of a test, on whatever machine and beside whatever else runs there."""
