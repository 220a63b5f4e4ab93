"""The textbook: layers, losses, optimizers, metrics and the net; NumPy is all it needs."""
