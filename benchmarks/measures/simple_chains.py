"""The example of SimpleChains.jl: the exponential of 2 × 2 matrices, learnt from 200 of them."""

from dataclasses import asdict

from benchmarks.cases import CASES
from benchmarks.part import Part, Settings, compared, cores, markdown, significant
from benchmarks.workers import Workers

NAME, EPOCHS = "SimpleChains", 10_000
PEERS = (
    "handgrad",
    "handgrad eager",
    "PyTorch, 1 thread",
    "PyTorch, 2 threads",
    "torch.compile, 1 thread",
    "torch.compile, 2 threads",
    "JAX",
)
TEXT = """The example of SimpleChains.jl: 200 random 2 × 2 matrices and their exponentials, full
batch, mean squared error, here by SGD. handgrad yields a report an epoch; JAX has all epochs in
one call. Slow peers are timed over fewer epochs, and their 10 000 computed from those. What comes
first is making the net and compiling."""


def measure(settings: Settings) -> Part:
    """A training of 10 000 epochs each, or as many as a peer gets through in a second."""
    with Workers(PEERS, settings.held, min(settings.turns, 5)) as workers:
        timings = workers.measure("training", NAME, ["SGD"], turn=0.1 if settings.quick else 0.5)
    rows = [
        [
            timing.peer,
            significant(timing.seconds * 1e6),
            significant(timing.seconds * EPOCHS),
            significant(timing.first, 2),
            cores(timing.others),
        ]
        for timing in timings
    ]
    head = [f"{CASES[NAME]}, SGD", "µs an epoch", "s, 10 000 epochs", "s, first", "others, cores"]
    bounds = {"PyTorch": 40, "torch.compile": 1, "JAX": 1.5}
    return Part(
        "SimpleChains' example",
        TEXT,
        markdown(head, rows),
        [asdict(timing) for timing in timings],
        compared(timings, f"{CASES[NAME]}, SGD", NAME, bounds),
        left_out=workers.left_out,
    )
