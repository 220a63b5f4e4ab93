"""Times the capacity curve of the story's hundred points: `python -m benchmarks.capacity_curve`.

Ten widths, twenty seeds each, 80 rows to train on and 20 held out, in a process of its own: first
with an empty cache of machine code, then with what the first left there. Imports are told apart.
"""

import os
import subprocess
import sys
import tempfile

PROGRAM = """
import time

started = time.perf_counter()
import numpy as np
import sklearn.datasets
import handgrad as hg

imported = time.perf_counter()
x, y = hg.make_classification(rng=0)


def make_net(units, rng):
    net = hg.Net(hg.Linear(2, units, rng=rng), hg.Tanh())
    return net.add(hg.Linear(units, 2, rng=rng)).add(hg.Softmax())


began = time.perf_counter()
hg.training.capacity_curve(
    make_net, [1, 2, 3, 5, 10, 20, 40, 80, 160, 320], (x[:80], y[:80]),
    validation=(x[80:], y[80:]), loss=hg.CrossEntropyLoss(), optimizer=hg.Adam(0.01),
    epochs=200, batch_size=16, seeds=20, rng=0,
)
took = time.perf_counter() - began
print(f"imports {imported - started:.2f} s, curve of 200 nets {took:.2f} s")
"""


def main() -> None:
    """Print a line for the empty cache, and one for the full one."""
    with tempfile.TemporaryDirectory() as folder:
        for cache in ("empty", "full"):
            environment = {**os.environ, "HANDGRAD_CACHE": folder}
            command = [sys.executable, "-c", PROGRAM]
            print(f"cache {cache}: ", end="", flush=True)
            subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
