"""Models as source: Python that needs NumPy alone, and modules of PyTorch."""
