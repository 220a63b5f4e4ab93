"""What runs training steps: eager now, step by step in NumPy."""
