"""The playground: its page in node against Python, to the bit."""
