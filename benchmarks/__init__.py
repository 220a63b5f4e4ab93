"""Side by side with the peers, one command: `make bench`, or `python -m benchmarks --help`."""
