"""The textbook: layers, losses, optimizers, metrics and nets; it needs only NumPy."""
