"""What is measured: a module a part, each giving its timings, its tables and its comparisons."""
