"""Time of a prediction, of one row and of many."""

from dataclasses import asdict

from benchmarks.part import Comparison, Limit, Part, Settings, compared, significant, wide_table
from benchmarks.workers import Timing, Workers

NAME = "S"
ROWS = (1, 10_000)
MOST_MICROSECONDS = 4
PEERS = (
    "handgrad",
    "NumPy",
    "scikit-learn",
    "PyTorch, 1 thread",
    "PyTorch, 2 threads",
    "JAX",
    "onnxruntime",
)
REQUIRED: dict[int, dict[str, float]] = {
    1: {"NumPy": 1, "scikit-learn": 1, "PyTorch": 1, "JAX": 1, "onnxruntime": 1},
    10_000: {"JAX": 1, "onnxruntime": 1},
}
TEXT = """The probabilities that the net of S gives, from a NumPy array to a NumPy array:
handgrad's public `net.predict`, which checks its rows; `predict_proba` of scikit-learn; PyTorch in
inference mode; JAX jitted for the number of rows. All agree to 1e-3."""


def measure(settings: Settings) -> Part:
    """One row, and ten thousand."""
    timings: list[Timing] = []
    comparisons: list[Comparison] = []
    with Workers(PEERS, settings.held, settings.turns) as workers:
        for rows in ROWS:
            line = _line(rows)
            found = workers.measure("prediction", NAME, [rows])
            title = f"{line}: 64-100-10 relu"
            comparisons += compared(found, title, NAME, REQUIRED[rows])
            for timing in found:
                timing.case = line
            timings += found
    lines = {_line(rows): _line(rows) for rows in ROWS}
    own = [t for t in timings if t.peer == "handgrad" and t.case == _line(1)]
    what = f"{_line(1)} by handgrad"
    return Part(
        "Prediction",
        TEXT,
        wide_table("64-100-10 relu, µs", lines, timings, lambda t: significant(t.seconds * 1e6)),
        [asdict(timing) for timing in timings],
        comparisons,
        [
            Limit(what, t.seconds * 1e6, MOST_MICROSECONDS, "µs", at_least=False, others=t.others)
            for t in own
        ],
        workers.left_out,
    )


def _line(rows: int) -> str:
    return f"{rows:,} row{'s' * (rows > 1)} predicted".replace(",", " ")
