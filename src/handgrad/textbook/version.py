"""Name and version of handgrad."""

# At the package index, of the cache folder, and in capitals the prefix of environment variables.
NAME = "handgrad"
VARIABLES = f"{NAME.upper()}_"

__version__ = "0.1.0"
