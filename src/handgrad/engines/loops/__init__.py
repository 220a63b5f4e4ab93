"""The loop compiler: lowers a traced step to loops over flat buffers, which several engines run."""
