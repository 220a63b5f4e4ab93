"""Steps of nets of pictures, sequences and attention, and how long until the first of them."""

from dataclasses import asdict, replace

from benchmarks.deep_cases import DEEP_CASES
from benchmarks.held import Held
from benchmarks.measures import depth_starts
from benchmarks.part import Part, Settings, compared, significant, wide_table
from benchmarks.workers import PROCESSOR, WALL, Timing, Workers

TITLE, OPTIMIZER = "Pictures, sequences, attention", "Adam"
PEERS = (
    "handgrad",
    "PyTorch, 1 thread",
    "PyTorch, 2 threads",
    "torch.compile, 1 thread",
    "torch.compile, 2 threads",
    "JAX",
)
QUICK = ("GRU",)
OFTEN = 3  # times as many turns with one core, so that some of them are not disturbed
REQUIRED: dict[str, dict[str, float]] = {
    "LeNet-5": {"PyTorch": 2},
    "GRU": {"PyTorch": 5, "JAX": 1},
    "transformer": {"PyTorch": 2, "JAX": 1},
}
TEXT = """LeNet-5 (pictures of 28 × 28, ReLU), a GRU (28 steps of 28 numbers, 64 units, the class of
the last), and a transformer of letters (64 features, 4 heads, 2 blocks with the norm before,
causal, GELU of 256 units), each by Adam, from the same weights and over the same rows, in epochs of
16 steps; the losses of the first epoch and of the fourth agree to 1e-3. PyTorch has its modules;
torch.compile has the whole step in one graph, that of the GRU with its steps written out; JAX has
`lax.conv`, and `lax.scan` over the steps of the GRU. With one core a time is the processor's, of
three times as many turns, and the least of them stands in brackets; with more it is the wall's, and
no bound is set. The first epoch includes making the net and compiling, by the wall, once."""


def measure(settings: Settings) -> Part:
    """Steps by all peers, in new processes for each net; with one core, handgrad's starts too."""
    one, names = settings.held.cores == 1, QUICK if settings.quick else tuple(DEEP_CASES)
    turns, clock = (OFTEN * settings.turns, PROCESSOR) if one else (settings.turns, WALL)
    timings, left_out = list[Timing](), dict[str, str]()
    for name in names:
        print(f"  {DEEP_CASES[name]}", flush=True)
        with Workers(PEERS, settings.held, turns, clock) as workers:
            timings += workers.measure("training", name, [OPTIMIZER])
        left_out |= workers.left_out
    lines = {name: str(DEEP_CASES[name]) for name in names}
    part = Part(
        TITLE,
        TEXT,
        "\n\n".join(
            [
                wide_table(f"{OPTIMIZER}, µs a step", lines, timings, of_a_step),
                wide_table("first epoch, s", lines, timings, lambda t: significant(t.first, 2)),
            ]
        ),
        [asdict(replace(timing, optimizer=OPTIMIZER)) for timing in timings],
        [
            comparison
            for name, line in lines.items()
            for comparison in compared(
                timings, f"{line}, {OPTIMIZER}", name, REQUIRED[name] if one else {}
            )
        ],
        left_out=left_out,
    )
    return depth_starts.added_to(part, names, settings) if settings.held == Held(1) else part


def of_a_step(timing: Timing) -> str:
    """The median of the turns, and the least of them."""
    steps = DEEP_CASES[timing.case].steps
    median, least = (significant(s / steps * 1e6) for s in (timing.seconds, timing.fastest))
    return f"{median} ({least})"
