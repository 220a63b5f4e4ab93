"""Name and version of handgrad."""

# At the package index, of the cache folder, and in capitals before the environment variables.
NAME = "handgrad"
VARIABLE_PREFIX = f"{NAME.upper()}_"

__version__ = "0.1.0"
