"""Ensemble members: small nets trained at once, each with held-out rows of its own."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.engines.config import TrainingConfig
from handgrad.engines.dispatch import EngineName, engine_for_chunks
from handgrad.engines.streams import RowSource
from handgrad.files.features import Features
from handgrad.graph.threads import blas_threads
from handgrad.textbook.layers import (
    Array,
    EnsembleEmbedding,
    EnsembleLinear,
    EnsemblePeriodicEmbedding,
    FeatureScale,
    Layer,
)
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import batches
from handgrad.textbook.net.shared_rows import SharedRows
from handgrad.textbook.optimizers import Adam
from handgrad.textbook.schedules import coslog
from handgrad.training import BestWeights, EpochReport, History, Training, progress

WIDTH, DEPTH = 128, 3
# As many waves a number, of about so many turns, where there are no more numbers.
WAVES, FREQUENCY, MOST_NUMBERS = 4, 0.7, 21
# Categories of so many values are embedded, in so many numbers a value.
EMBEDDED_FROM, SIZE = 9, 8
BATCH = 256
AT_ONCE = 32 * BATCH  # rows that are predicted at a time: each member has a copy of its own
STEPS, EPOCHS = 500, (12, 32)
# Weights of rows become rows that come again, so many times as many as there are at most.
MOST_AGAIN = 4.0
BETAS = (0.9, 0.95)
OF_SCALES, OF_BIASES, OF_WAVES = 6.0, 0.1, 0.1  # factors of the learning rate

# How bad the outputs (n, n_outputs) of one member are for the targets (n, n_outputs).
Badness = Callable[[Array, Array], float]


@dataclass(frozen=True)
class Recipe:
    """What differs between classes and numbers."""

    loss: Callable[[], Loss]
    activation: type[Layer]
    learning_rate: float
    badness: Badness
    smoothing: float = 0.0  # so much of each target goes to all outputs alike


@dataclass(frozen=True)
class Dealt:
    """Features x (n, n_features) and targets t (n, n_outputs), and for each member the `rows` to
    learn from and those held out.

    Or a `stream` of the rows to learn from, of all members side by side, targets smoothed; `rows`
    then has those held out only. `rng` has drawn so far what decided that.
    """

    x: Array
    t: Array
    rows: list[tuple[Array, Array]]
    rng: np.random.Generator
    epochs: int | None
    stream: RowSource | None = None


@dataclass
class Members:
    """Trained members, each with the weights of its best epoch, and what they did not learn from.

    `held_out` has the rows each member was watched on, `outputs` (n, n_outputs) for each what it
    said of them, `history` the losses, which are means over the members. The net is in float64, so
    that a row is predicted alike alone and among others.
    """

    net: Net
    best_epochs: list[int]
    badness: list[float]
    held_out: list[Array]
    outputs: list[Array]
    history: History


def train_members(
    dealt: Dealt,
    features: Features,
    recipe: Recipe,
    engine: EngineName,
    *,
    verbose: bool = False,
) -> Members:
    """Train a member on each pair of rows, and keep the weights of its best epoch."""
    x, t, rows, rng, stream = dealt.x, dealt.t, dealt.rows, dealt.rng, dealt.stream
    n_members, n_outputs = len(rows), t.shape[1]
    form = (features, n_outputs, n_members, recipe.activation)
    net = _net(*form, rng, np.float32)
    learned = _as_long([rng.permutation(learned) for learned, _ in rows])
    watched = all(len(held_out) for _, held_out in rows)
    held_out = _as_long([held_out if watched else held_out[:0] for _, held_out in rows])
    smoothed = (1 - recipe.smoothing) * t + recipe.smoothing / n_outputs
    n_learned = len(learned) if stream is None else stream.n_rows
    batch_size = min(BATCH, n_learned)
    config = TrainingConfig(
        net=net,
        data=stream or (SharedRows(x, learned), SharedRows(smoothed, learned)),
        loss=recipe.loss(),
        optimizer=_optimizer(net, recipe.learning_rate),
        epochs=dealt.epochs or usual_epochs(-(-n_learned // batch_size)),
        batch_size=batch_size,
        validation=(x[held_out], t[held_out]) if watched else None,
        metrics=[_of_member(m, recipe.badness) for m in range(n_members)] if watched else [],
        schedule=coslog(),
        rng=rng,
        engine=engine,
    )
    training = Training(config, ahead=True)
    best, history = _run(training, n_members, verbose)
    final = _net(*form, rng, np.float64)
    final.load_state(best.weights)
    p = outputs_of(final, SharedRows(x, held_out), "eager")
    outputs = [p[:, m] for m in range(n_members)]
    return Members(final, best.epochs, best.badness, [*held_out.T], outputs, history)


def outputs_of(net: Net, rows: SharedRows, engine: EngineName) -> Array:
    """What members say of their rows, (n, n_members, n_outputs), a part of the rows at a time."""
    parts = [*batches(len(rows), AT_ONCE)] or [slice(0)]
    if engine == "auto":
        engine = engine_for_chunks(net, lambda: rows[:1], len(rows))
    with blas_threads(1):
        return np.concatenate([net.predict(rows[part], BATCH, engine) for part in parts])


def _run(training: Training, n_members: int, verbose: bool) -> tuple[BestWeights, History]:
    """Run the training to its end, and keep the best of each member, the last of equals.

    Where nothing is held out, that is the last epoch for all.
    """
    best = BestWeights(training.net, n_members)

    def noted(report: EpochReport) -> EpochReport:
        badness = [*report.validation_metrics.values()] or [0.0] * n_members
        best.note(report.epoch, badness, last=True)
        return replace(report, train_metrics={}, validation_metrics={})

    reports: Iterator[EpochReport] = map(noted, training)
    if verbose:
        reports = progress(reports, epochs=training.epochs, training=training)
    # matrices this small are multiplied no faster by several threads, and slower on a busy machine
    with blas_threads(1) if training.engine.name == "eager" else nullcontext():
        return best, History([*reports])


def usual_epochs(batches: int) -> int:
    """As many epochs of so many batches as make `STEPS` steps, within `EPOCHS`."""
    return int(np.clip(STEPS // batches, *EPOCHS))


def _net(
    features: Features,
    n_outputs: int,
    k: int,
    activation: type[Layer],
    rng: np.random.Generator,
    dtype: npt.DTypeLike,
) -> Net:
    """Codes embedded, waves beside the numbers, a scale for each feature, hidden layers of `WIDTH`
    units, and outputs that begin as 0.
    """
    layers: list[Layer] = []
    d, n_codes = features.n_out, features.n_codes
    if n_codes:
        among: dict[str, Any] = {"n_codes": len(n_codes), "n_numbers": d - len(n_codes)}
        embedding = EnsembleEmbedding(sum(n_codes), SIZE, k, **among, rng=rng, dtype=dtype)
        unknown = np.cumsum([0, *n_codes[:-1]])
        embedding.E[:, unknown] = 0.0
        layers.append(embedding)
        d += (SIZE - 1) * len(n_codes)
    if 0 < features.n_numbers <= MOST_NUMBERS:
        waves = EnsemblePeriodicEmbedding(
            d, features.n_numbers, k, n_waves=WAVES, frequency=FREQUENCY, rng=rng, dtype=dtype
        )
        layers.append(waves)
        d += features.n_numbers * waves.size
    layers.append(FeatureScale((k, d), dtype=dtype))
    sizes = [d] + [WIDTH] * DEPTH
    for n_in, n_out in pairwise(sizes):
        linear = EnsembleLinear(n_in, n_out, k, rng=rng, dtype=dtype)
        linear.b = np.asarray(rng.normal(size=linear.b.shape))
        layers += [linear, activation()]
    layers.append(EnsembleLinear(WIDTH, n_outputs, k, initializer="zeros", dtype=dtype))
    return Net(*layers)


def _optimizer(net: Net, learning_rate: float) -> Adam:
    """Adam, whose steps for weights are shorter by √n_in.

    So a net learns in the neural tangent parametrisation, z = W x / √n_in + b, in which W begins
    with standard deviation 1: Adam's steps do not depend on the size of a gradient.
    """
    groups: dict[str, Any] = {
        "*.b": {"learning_rate_factor": OF_BIASES},
        "*.s": {"learning_rate_factor": OF_SCALES},
    }
    for i, layer in enumerate(net.layers):
        if isinstance(layer, EnsemblePeriodicEmbedding):
            for name in layer.param_names:
                groups[f"{i}.{name}"] = {"learning_rate_factor": OF_WAVES}
        if isinstance(layer, EnsembleLinear):
            groups[f"{i}.W"] = {"learning_rate_factor": layer.n_in**-0.5}
    return Adam(learning_rate, betas=BETAS, groups=groups)


def _of_member(m: int, badness: Badness) -> Callable[[Array, Array], float]:
    """How bad one member is, as a metric of the outputs (n, n_members, n_outputs) of all."""

    def metric(p: Array, t: Array) -> float:
        return badness(p[:, m].astype(float), t[:, m])

    metric.__name__ = f"member_{m}_error"
    return metric


def rows_of_members(
    w: Array, strata: Array, n_members: int, share: float, rng: np.random.Generator
) -> list[tuple[Array, Array]]:
    """For each member the rows to learn from and those held out, a `share` of each stratum.

    With shares of 1/n the rows are dealt out to n members, so that each is held out once; the
    members after that begin anew. The only row of a stratum is always learned from.
    A row that weighs more comes again.
    """
    count = min(max(2, round(1 / share)), len(w))
    alone = np.bincount(strata)[strata] < 2
    pairs = []
    for m in range(n_members):
        if m % count == 0:
            order = np.lexsort((rng.random(len(w)), strata))
            dealt = np.empty(len(w), int)
            dealt[order] = np.arange(len(w)) % count
        out = (dealt == m % count) & ~alone
        pairs.append((_again(np.flatnonzero(~out), w, rng), _again(np.flatnonzero(out), w, rng)))
    return pairs


def _again(rows: Array, w: Array, rng: np.random.Generator) -> Array:
    """The rows, each as often as its weight says; parts of a time are drawn, evenly spread."""
    times = w[rows] / w.min()
    times *= min(1.0, MOST_AGAIN * len(rows) / max(times.sum(), 1))
    ends = np.floor(np.cumsum(times) + rng.random())
    return np.repeat(rows, np.diff(ends, prepend=0).astype(int))


def _as_long(members: list[Array]) -> Array:
    """Their rows side by side, (n, n_members): as long as the longest, the others begin again."""
    longest = max(len(rows) for rows in members)
    return np.stack([np.resize(rows, longest) for rows in members], axis=1)
