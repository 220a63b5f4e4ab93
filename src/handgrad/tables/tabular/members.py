"""Ensemble members: small nets trained at once, each with held-out rows of its own."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.engines.config import TrainingConfig
from handgrad.engines.dispatch import EngineName, engine_for_chunks
from handgrad.engines.sharding import UNSHARDED, Sharding
from handgrad.engines.streams import RowSource
from handgrad.files.features import Features
from handgrad.graph.threads import blas_threads
from handgrad.tables.data.dependent_rows import Units
from handgrad.tables.tabular.training_state import Earlier, TrainingState
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
from handgrad.training.validate_data import CheckedData

WIDTH, DEPTH = 128, 3
# Periodic embedding of numeric columns: waves, frequency, and most columns.
WAVES, FREQUENCY, MOST_NUMBERS = 4, 0.7, 21
# Categories with this many values or more are embedded; size of an embedding.
EMBEDDED_FROM, SIZE = 9, 8
BATCH, SMALLEST, BATCHES = 256, 32, 16  # rows of a minibatch; of small tables, and how many
AT_ONCE = 32 * BATCH  # rows predicted at once; each member has a copy
TIME_LIMIT = "the time limit"  # the reason of a stop, in a history
STEPS, EPOCHS = 500, (12, 32)
# Weighted rows are repeated; largest ratio of repeated to given rows.
MOST_AGAIN = 4.0
BETAS = (0.9, 0.95)
OF_SCALES, OF_BIASES, OF_WAVES = 6.0, 0.1, 0.1  # factors of the learning rate
# Of the layer after a shared number: its biases follow the spread of that number, for calibration.
OF_SHARED = {"W": 0.1, "b": 3.0}

# Error of the outputs (n, n_outputs) of one member for targets (n, n_outputs), and for weights (n,)
# if the data has them.
Badness = Callable[..., float]


@dataclass(frozen=True)
class Recipe:
    """Settings that differ between classification and regression."""

    loss: Callable[[], Loss]
    activation: type[Layer]
    learning_rate: float
    badness: Badness
    smoothing: float = 0.0  # label smoothing
    # First outputs (n_outputs,) of all rows; the nets have one number then, which adds to all.
    start: Array | None = None
    smallest_batch: int = SMALLEST


@dataclass(frozen=True)
class MemberData:
    """Features x (n, n_features), targets t (n, n_outputs), and the rows of each member.

    `rows` has a pair of training rows and held-out rows for each member. Or there is a `stream` of
    the training rows of all members, with smoothed targets; then `rows` has held-out rows only.
    `rng` is the generator in its current state, `split` its state before it divided the rows. `w`
    are weights (n,) in the loss. Rows of groups, or in time, are not `independent`.
    """

    x: Array
    t: Array
    rows: list[tuple[Array, Array]]
    rng: np.random.Generator
    epochs: int | None
    stream: RowSource | None = None
    split: Mapping[str, object] | None = None
    w: Array | None = None
    independent: bool = True


@dataclass(frozen=True)
class HeldOutRows:
    """Indices of `rows` (n,), outputs (n, n_outputs) that no training saw, and weights w (n,)."""

    rows: Array
    outputs: Array
    w: Array


@dataclass
class Members:
    """Trained members, with the weights of their best epochs, and their held-out rows.

    `held_out` has the validation rows of each member, `outputs` (n, n_outputs) its output for them,
    `history` the mean losses of the members. Members with fewer rows than others have them
    repeated: the first `n_held_out` are theirs. The net is in float64, so that a prediction does
    not depend on the other rows. `state` is that of the training, if it is kept; rows that
    are streamed leave none.
    """

    net: Net
    best_epochs: list[int]
    badness: list[float]
    held_out: list[Array]
    outputs: list[Array]
    history: History
    n_held_out: list[int]
    state: TrainingState | None = None

    def held_out_rows(self, of: Callable[[Array], Array]) -> HeldOutRows:
        """Rows held out from some member, with the mean `of` the outputs of those members."""
        pairs = zip(self.held_out, self.outputs, self.n_held_out, strict=True)
        parts = [(rows[:n], of(z[:n])) for rows, z, n in pairs]
        rows, outputs = (np.concatenate(part) for part in zip(*parts, strict=True))
        different, place, counts = np.unique(rows, return_inverse=True, return_counts=True)
        mean = np.zeros((len(different), outputs.shape[1]))
        np.add.at(mean, place, outputs)
        times = sum(len(np.unique(rows)) for rows, _ in parts) / max(len(different), 1)
        return HeldOutRows(different, mean / counts[:, None], counts / times)


def train_members(
    data: MemberData,
    features: Features,
    recipe: Recipe,
    engine: EngineName,
    sharding: Sharding = UNSHARDED,
    *,
    verbose: bool = False,
    time_limit: float | None = None,
    earlier: Earlier | None = None,
    keep_state: bool = False,
) -> Members:
    """Train one member on each pair of training and held-out rows, and keep its best epoch.

    After `time_limit` seconds the training ends with the epoch that is under way. The training
    continues from `earlier` members: from the state of their training, or from their weights, which
    a member keeps, as epoch 0, if no epoch is better on its held-out rows. With `keep_state` the
    result has the state for another fit.
    """
    x, t, rows, rng, stream = data.x, data.t, data.rows, data.rng, data.stream
    n_members, n_outputs = len(rows), t.shape[1]
    form = (features, n_outputs, n_members, recipe.activation, recipe.start)
    net = _net(*form, rng, np.float32)
    train_rows = _as_long([rng.permutation(train_rows) for train_rows, _ in rows])
    watched = all(len(held_out) for _, held_out in rows)
    validation = [held_out if watched else held_out[:0] for _, held_out in rows]
    held_out, n_held_out = _as_long(validation), [*map(len, validation)]
    smoothed = (1 - recipe.smoothing) * t + recipe.smoothing / n_outputs
    n_train = len(train_rows) if stream is None else stream.n_rows
    batch_size = usual_batch_size(n_train, recipe.smallest_batch if data.independent else BATCH)
    config = TrainingConfig(
        net=net,
        data=stream or (SharedRows(x, train_rows), SharedRows(smoothed, train_rows)),
        loss=recipe.loss(),
        sample_weight=None if data.w is None else data.w[train_rows],
        optimizer=_optimizer(net, recipe.learning_rate),
        epochs=data.epochs or usual_epochs(-(-n_train // batch_size)),
        batch_size=batch_size,
        validation=_validation(net, data, held_out) if watched else None,
        metrics=[_of_member(m, recipe.badness) for m in range(n_members)] if watched else [],
        schedule=coslog(),
        rng=rng,
        engine=engine,
        sharding=sharding,
    )
    best = BestWeights(net, n_members)
    if earlier is not None:
        net.load_state(earlier.net.state())
        p = outputs_of(net, SharedRows(x, held_out), "eager")
        w = None if data.w is None else data.w[held_out]
        badness = [_of_member(m, recipe.badness)(p, t[held_out], w) for m in range(n_members)]
        best.note(0, badness if watched else [0.0] * n_members)
    training = Training(config, ahead=True)
    if earlier is not None and earlier.state is not None:
        earlier.state.put_into(training)
    history = _run(training, best, verbose, time_limit)
    split = data.split if keep_state else None
    state = None if split is None else TrainingState.of(training, split)
    final = _net(*form, rng, np.float64)
    final.load_state(best.weights)
    p = outputs_of(final, SharedRows(x, held_out), "eager")
    outputs = [p[:, m] for m in range(n_members)]
    of_members = final, best.epochs, best.badness, [*held_out.T], outputs, history, n_held_out
    return Members(*of_members, state)


def _validation(net: Net, data: MemberData, rows: Array) -> CheckedData:
    """Held-out rows (n, n_members) of the members, for a training."""
    w = None if data.w is None else data.w[rows]
    return CheckedData(net.cast(data.x[rows]), net.cast(data.t[rows]), sample_weight=w)


def outputs_of(net: Net, rows: SharedRows, engine: EngineName) -> Array:
    """Outputs of the members for their rows, (n, n_members, n_outputs), in batches."""
    parts = [*batches(len(rows), AT_ONCE)] or [slice(0)]
    if engine == "auto":
        engine = engine_for_chunks(net, lambda: rows[:1], len(rows))
    with blas_threads(1):
        return np.concatenate([net.predict(rows[part], BATCH, engine) for part in parts])


def _run(training: Training, best: BestWeights, verbose: bool, time_limit: float | None) -> History:
    """Run the training, and keep the `best` weights of each member, the last of equal epochs.

    Without held-out rows that is the last epoch.
    """
    history, began = History(), time.monotonic()

    def noted(report: EpochReport) -> EpochReport:
        badness = [*report.validation_metrics.values()] or [0.0] * len(best.epochs)
        best.note(report.epoch, badness, last=True)
        return replace(report, train_metrics={}, validation_metrics={})

    reports: Iterator[EpochReport] = map(noted, training)
    if verbose:
        reports = progress(reports, epochs=training.epochs, training=training)
    # several threads do not speed up products this small, and slow down on a busy machine
    with blas_threads(1) if training.engine.name == "eager" else nullcontext():
        for report in reports:
            history.reports.append(report)
            late = time_limit is not None and time.monotonic() - began >= time_limit
            if late and len(history) < training.epochs:
                history.stopped_because = f"stopped after {time_limit:g} s, {TIME_LIMIT}"
                break
    return history


def usual_batch_size(n_rows: int, smallest: int) -> int:
    """Rows of a minibatch: of a table of a few hundred, `BATCH` would leave a few dozen steps.

    Where rows depend on each other, more steps overfit: forecasts got worse, as measured.
    """
    return min(int(np.clip(-(-n_rows // BATCHES), smallest, BATCH)), n_rows)


def usual_epochs(batches: int) -> int:
    """Number of epochs of `batches` minibatches for `STEPS` steps, within `EPOCHS`."""
    return int(np.clip(STEPS // batches, *EPOCHS))


def _net(
    features: Features,
    n_outputs: int,
    k: int,
    activation: type[Layer],
    start: Array | None,
    rng: np.random.Generator,
    dtype: npt.DTypeLike,
) -> Net:
    """Net of the members, whose outputs start at 0, or at `start`.

    Embeddings of codes, periodic embeddings of numbers, a scale for each feature, and hidden layers
    of `WIDTH` units. With a `start` one number of the last of them is added to all outputs, at
    first with weights of 1.
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
    n_last = n_outputs if start is None else 1
    layers.append(EnsembleLinear(WIDTH, n_last, k, initializer="zeros", dtype=dtype))
    if start is not None:
        shared = EnsembleLinear(1, n_outputs, k, initializer="zeros", dtype=dtype)
        shared.W, shared.b = np.ones_like(shared.W), np.tile(start, (k, 1))
        layers.append(shared)
    return Net(*layers)


def _optimizer(net: Net, learning_rate: float) -> Adam:
    """Adam with the learning rate of weights scaled by 1/√n_in.

    This is the neural tangent parametrization, z = W x / √n_in + b, with W of standard deviation 1:
    Adam's steps do not depend on the size of the gradient.
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
            if i > 0 and isinstance(net.layers[i - 1], EnsembleLinear):  # of a shared number
                for name, factor in OF_SHARED.items():
                    groups[f"{i}.{name}"] = {"learning_rate_factor": factor}
    return Adam(learning_rate, betas=BETAS, groups=groups)


def _of_member(m: int, badness: Badness) -> Callable[[Array, Array, Array | None], float]:
    """Metric of one member, computed from the outputs (n, n_members, n_outputs) of all."""

    def metric(p: Array, t: Array, sample_weight: Array | None) -> float:
        w = () if sample_weight is None else (sample_weight[:, m],)
        return badness(p[:, m].astype(float), t[:, m], *w)

    metric.__name__ = f"member_{m}_error"
    return metric


def rows_of_members(
    w: Array, strata: Array, n_members: int, share: float, rng: np.random.Generator
) -> list[tuple[Array, Array]]:
    """Training and held-out rows of each member: a fraction `share` of each stratum is held out.

    With share 1/n, n members form a cross-validation, so that each row is held out once; further
    members start over. The only row of a stratum is always a training row. Weighted rows are
    repeated.
    """
    count = min(max(2, round(1 / share)), len(w))
    alone = np.bincount(strata)[strata] < 2
    pairs = []
    for m in range(n_members):
        if m % count == 0:
            order = np.lexsort((rng.random(len(w)), strata))
            fold = np.empty(len(w), int)
            fold[order] = np.arange(len(w)) % count
        out = (fold == m % count) & ~alone
        pairs.append((_again(np.flatnonzero(~out), w, rng), _again(np.flatnonzero(out), w, rng)))
    return pairs


def rows_by_units(
    w: Array, strata: Array, units: Units, n_members: int, share: float, rng: np.random.Generator
) -> list[tuple[Array, Array]]:
    """The same as `rows_of_members`, where whole groups, or blocks of time, are held out.

    Units with the only rows of a stratum are always in training; without others nothing is held
    out.
    """
    pairs, fold, n_folds = [], np.full(len(w), -1), 0
    for m in range(n_members):
        if m == 0 or (n_folds and m % n_folds == 0):
            fold = units.folds(max(2, round(1 / share)), strata, rng)
            n_folds = int(fold.max()) + 1
        out = (fold >= 0) & (fold == m % max(n_folds, 1))
        pairs.append((_again(np.flatnonzero(~out), w, rng), _again(np.flatnonzero(out), w, rng)))
    return pairs


def rows_beside(
    w: Array, given: Array, n_members: int, rng: np.random.Generator
) -> list[tuple[Array, Array]]:
    """All rows of weights `w` for training, and those after them, of weights `given`, held out."""
    n, both = len(w), (np.arange(len(w)), np.arange(len(given)))
    return [(_again(both[0], w, rng), n + _again(both[1], given, rng)) for _ in range(n_members)]


def _again(rows: Array, w: Array, rng: np.random.Generator) -> Array:
    """Repeat rows by their weights; fractions are rounded by systematic sampling."""
    times = w[rows] / w.min()
    times *= min(1.0, MOST_AGAIN * len(rows) / max(times.sum(), 1))
    ends = np.floor(np.cumsum(times) + rng.random())
    return np.repeat(rows, np.diff(ends, prepend=0).astype(int))


def _as_long(members: list[Array]) -> Array:
    """Stack the members' rows, (n, n_members): shorter ones are repeated to the longest."""
    longest = max(len(rows) for rows in members)
    return np.stack([np.resize(rows, longest) for rows in members], axis=1)
