"""Time of a minibatch step, in training by the peers' public ways."""

from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.cases import CASES, OPTIMIZERS
from benchmarks.part import Limit, Part, Settings, compared, most, significant, wide_table
from benchmarks.peers import HANDGRAD
from benchmarks.workers import Timing, Workers

MEASURED = ("T", "T80", "S", "M", "L")
PEERS = (
    "handgrad",
    "handgrad eager",
    "handgrad jax",
    "NumPy",
    "scikit-learn",
    "PyTorch, 1 thread",
    "PyTorch, 2 threads",
    "torch.compile, 1 thread",
    "torch.compile, 2 threads",
    "JAX",
)
REQUIRED: dict[tuple[str, str], dict[str, float]] = {
    ("T", "SGD"): {"PyTorch": 300, "scikit-learn": 110, "JAX": 12, "torch.compile": 1},
    ("T80", "SGD"): {"torch.compile": 1},
    ("S", "SGD"): {"PyTorch": 14, "scikit-learn": 9, "JAX": 1.8, "torch.compile": 1},
    ("M", "SGD"): {"PyTorch": 2, "scikit-learn": 1.7, "JAX": 1.4, "torch.compile": 1},
    ("L", "SGD"): {"PyTorch": 1.5, "scikit-learn": 1, "JAX": 1.15, "torch.compile": 1},
    ("S", "Adam"): {"PyTorch": 19, "scikit-learn": 9},
    ("M", "Adam"): {"PyTorch": 1.6, "scikit-learn": 2},
}
MOST_MICROSECONDS = {"a step by machine code": 0.45, "Python's part of an epoch": 5}
MOST_OF_ADAM = 1.1
TEXT = """Every peer begins with the same weights and visits the rows in the same order (but
scikit-learn, which draws its own), a new order each epoch; drawing it is part of the time, no
metrics are. The losses of the first epoch and of the fourth agree to 1e-3. The time is that of an
epoch divided by its steps: T has epochs of 800 rows, T80 of 80, S and M of 6400, L of 5120. The
NumPy loop is the one of the notes that handgrad grew from. In PyTorch the rows are put in order
once an epoch, then sliced, which is faster than a DataLoader. torch.compile has the whole step in
one graph, JAX the whole epoch in one jitted scan, the Adam of both written by hand; handgrad jax is
the engine of that name, by the same JAX. The learning rate of Adam is a tenth of SGD's. The first
epoch includes making the net and compiling, nothing of it from a cache. T and T80 are one net, in
epochs of 200 and of 20 steps: what the steps do not explain of an epoch's time is
Python's part."""


def measure(settings: Settings) -> Part:
    """Each case with each optimizer."""
    names = MEASURED[:3] if settings.quick else MEASURED
    timings: list[Timing] = []
    with Workers(PEERS, settings.held, settings.turns) as workers:
        for name in names:
            for optimizer in OPTIMIZERS:
                print(f"  {CASES[name]}, {optimizer}", flush=True)
                found = workers.measure("training", name, [optimizer])
                timings += [_with_optimizer(timing, optimizer) for timing in found]
    comparisons, limits, tables = [], list[Limit](), []
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
            what, required = f"{CASES[name]}, {optimizer}", REQUIRED.get((name, optimizer), {})
            comparisons += compared(of_it, what, name, required)
        if optimizer == "SGD":
            limits += _limits(of_it, optimizer)
    limits += _beside_sgd(timings)
    return Part(
        "Training",
        TEXT,
        "\n\n".join(tables),
        [asdict(timing) for timing in timings],
        comparisons,
        limits,
        workers.left_out,
    )


def _limits(timings: Sequence[Timing], optimizer: str) -> list[Limit]:
    """T's epoch taken apart, by the one of T80 that has fewer of the same steps."""
    own = {t.case: t for t in timings if t.peer == HANDGRAD.name}
    long, short = ((CASES[name].steps, own[name].seconds * 1e6) for name in ("T", "T80"))
    parts = zip(MOST_MICROSECONDS.items(), steps_and_rest(long, short), strict=True)
    others = most([own["T"].others, own["T80"].others])
    return [
        Limit(f"T, {optimizer}: {what}", value, bound, "µs", at_least=False, others=others)
        for (what, bound), value in parts
    ]


def _beside_sgd(timings: Sequence[Timing]) -> list[Limit]:
    """How many times as long a step takes with Adam as with plain SGD, where nets are not tiny."""
    own = {(t.case, t.optimizer): t for t in timings if t.peer == HANDGRAD.name}
    found = []
    for name in ("S", "M", "L"):
        if (name, "Adam") in own:
            adam, sgd = own[name, "Adam"], own[name, "SGD"]
            ratio, others = adam.seconds / sgd.seconds, most([adam.others, sgd.others])
            what = f"{name}: a step of Adam / of SGD"
            found.append(Limit(what, ratio, MOST_OF_ADAM, "", at_least=False, others=others))
    return found


def steps_and_rest(longer: tuple[int, float], shorter: tuple[int, float]) -> tuple[float, float]:
    """The time of a step and of what an epoch adds, by two epochs: their steps and their times."""
    step = (longer[1] - shorter[1]) / (longer[0] - shorter[0])
    return step, shorter[1] - shorter[0] * step


def _with_optimizer(timing: Timing, optimizer: str) -> Timing:
    timing.optimizer = optimizer
    return timing
