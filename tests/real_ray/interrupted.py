"""A training to be interrupted, from a terminal: `python -m tests.real_ray.interrupted FOLDER`."""

import sys

from tests.real_ray.training import trained

if __name__ == "__main__":
    _, history = trained(2, 0.03, storage=sys.argv[1], name="a", progress=True)
    print(f"{len(history)} reports")
