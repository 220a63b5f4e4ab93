"""Side by side with the peers, one command: `make bench`."""
