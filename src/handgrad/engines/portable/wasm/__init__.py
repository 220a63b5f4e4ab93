"""Portable programs as WebAssembly, and as object files for other machines."""
