"""The reference of the public names."""
