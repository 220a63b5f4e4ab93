"""Time of a minibatch step, in training by the peers' public ways."""

from dataclasses import asdict

from benchmarks.cases import CASES, OPTIMIZERS
from benchmarks.part import Part, Settings, compared, significant, wide_table
from benchmarks.workers import Timing, Workers

MEASURED = ("T", "T80", "S", "M", "L")
PEERS = (
    "handgrad",
    "handgrad eager",
    "NumPy",
    "scikit-learn",
    "PyTorch, 1 thread",
    "PyTorch, 2 threads",
    "torch.compile, 1 thread",
    "torch.compile, 2 threads",
    "JAX",
)
REQUIRED: dict[str, dict[str, float]] = {
    "T": {"PyTorch": 250, "scikit-learn": 110, "JAX": 7, "torch.compile": 1},
    "S": {"PyTorch": 17, "scikit-learn": 9, "JAX": 1.5, "torch.compile": 1},
    "M": {"PyTorch": 1.45, "scikit-learn": 1.7, "JAX": 1.2, "torch.compile": 1},
    "L": {"PyTorch": 1, "scikit-learn": 1, "JAX": 0.97, "torch.compile": 1},
}
TEXT = """Every peer begins with the same weights and visits the rows in the same order (but
scikit-learn, which draws its own), a new order each epoch; drawing it is part of the time, no
metrics are. The losses of the first epoch and of the fourth agree to 1e-3. The time is that of an
epoch divided by its steps: T has epochs of 800 rows, T80 of 80, S and M of 6400, L of 5120. The
NumPy loop is the one of the notes that handgrad grew from. In PyTorch the rows are put in order
once an epoch, then sliced, which is faster than a DataLoader. torch.compile has the whole step in
one graph. JAX has the whole epoch in one jitted scan. The first epoch includes making the net and
compiling, nothing of it from a cache."""


def measure(settings: Settings) -> Part:
    """Each case with each optimizer."""
    names = MEASURED[:3] if settings.quick else MEASURED
    timings: list[Timing] = []
    with Workers(PEERS, settings.threads, settings.turns) as workers:
        for optimizer in OPTIMIZERS:
            for name in names:
                print(f"  {CASES[name]}, {optimizer}", flush=True)
                found = workers.measure("training", name, [optimizer])
                timings += [_with_optimizer(timing, optimizer) for timing in found]
    comparisons, tables = [], []
    for optimizer in OPTIMIZERS:
        of_it = [timing for timing in timings if timing.optimizer == optimizer]
        lines = {name: str(CASES[name]) for name in names}
        tables += [
            wide_table(
                f"{optimizer}, µs a step",
                lines,
                of_it,
                lambda t: significant(t.seconds / CASES[t.case].steps * 1e6),
            ),
            wide_table("first epoch, s", lines, of_it, lambda t: significant(t.first, 2)),
        ]
        for name in names:
            required = REQUIRED.get(name, {}) if optimizer == "SGD" else {}
            what = f"{CASES[name]}" if optimizer == "SGD" else f"{CASES[name]}, {optimizer}"
            comparisons += compared(of_it, what, name, required)
    return Part(
        "Training",
        TEXT,
        "\n\n".join(tables),
        [asdict(timing) for timing in timings],
        comparisons,
        left_out=workers.left_out,
        others=workers.others,
    )


def _with_optimizer(timing: Timing, optimizer: str) -> Timing:
    timing.optimizer = optimizer
    return timing
