"""Chaos: kill, flush, restart and fill up a running Guichet under load, then count. `python -m tests.chaos`."""
