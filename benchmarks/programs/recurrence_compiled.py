"""Where the processor's seconds go when a step of a GRU is compiled: `… STEPS`, of a sequence.

Recorded, passed over and made into loops in Python; then into machine code by LLVM.
"""

import json
import sys
import time

import numpy as np

import handgrad as hg
from benchmarks.held import hold_machine_code
from handgrad.engines.compiled.machine_code import this_processor
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.loops.build import training_program
from handgrad.engines.loops.tracing import training_step, updates_of

hold_machine_code()
ROWS = 32


def main() -> None:
    rng, n_steps = np.random.default_rng(0), int(sys.argv[1])
    x = rng.standard_normal((ROWS, n_steps, 28)).astype(np.float32)
    net = hg.Net(hg.GRU(28, 64, rng=0), hg.Linear(64, 10, rng=1))
    loss = hg.SoftmaxCrossEntropyLoss()
    started = time.process_time()
    step = training_step(net, loss, x, rng.integers(0, 10, ROWS))
    recorded = time.process_time()
    updates = updates_of(net, hg.Adam())
    target, counted = this_processor(), loss.batches_weighted_by
    program = training_program(step, updates, ROWS, net.dtype, counted, target)
    in_loops = time.process_time()
    Runner(program)
    made = time.process_time()
    found = {"recording": recorded - started, "loops": in_loops - recorded, "LLVM": made - in_loops}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
