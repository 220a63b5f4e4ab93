"""Engines run training steps: eager in NumPy, compiled, portable to the bit, or by JAX."""
