"""The compiled engine: loops over flat buffers, as Python to read and as machine code to run."""
