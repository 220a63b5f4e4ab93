"""What runs training steps: eager, page by page in NumPy, or compiled to machine code."""
