"""The recorded step by JAX, whole epochs in one scan, on whatever device JAX has."""
