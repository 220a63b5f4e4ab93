"""The loop program: what a recorded step is as loops over flat buffers, for whoever runs it."""
