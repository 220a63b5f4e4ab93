"""Engines run training steps: eager in NumPy, compiled, portable to the bit, or by JAX."""

import time

LOADED = time.time_ns()  # a source that has changed since is not what this process runs
