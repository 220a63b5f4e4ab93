"""The loop program for every machine: IEEE arithmetic in its order, the same bits everywhere."""
