"""Export to Python source: NumPy and PyTorch."""
