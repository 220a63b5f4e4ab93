"""Checks of a training: inputs, activations, gradients, NaN and infinity, loss curves."""

import copy
from collections.abc import Iterator

import numpy as np

from handgrad.check.doctor.findings import Finding
from handgrad.check.doctor.input_checks import finite, not_finite_weights, parts_of, per_row
from handgrad.check.doctor.patient import Case, Judge
from handgrad.engines.config import TrainingConfig
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import Epoch
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import LayerCall, Net
from handgrad.textbook.net.minibatches import Inputs, number_of_rows
from handgrad.textbook.optimizers import Optimizer

# "You may find that as much as 40 % of your network can be dead": Karpathy, CS231n, on ReLU.
# A few dead units do no harm; this fraction of a layer's units does.
DEAD_SHARE = 0.4
NO_SLOPE = 1e-6  # smaller than the rounding of float32 beside other units' gradients
SMALL_SLOPE = 0.05  # of the steepest: tanh beyond ± 2.2, sigmoid beyond ± 4.4
SATURATED_ROWS = 0.95  # a unit that separates clear classes is flat for many rows, not for all
SATURATED_SHARE = 0.5  # of the units: most of the layer passes almost no gradient
# Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
# 2010, ask for gradients of one size through all layers. In nets that learn well they differ by
# up to some ten times; a thousand times means that no learning rate fits all layers.
VANISHED = 1e-3
EXPLODED = 1e3
# LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.3, ask for mean 0 and standard
# deviation 1; nets learn well within some ten times of it, as from pixels of 0 to 16.
LARGE, SMALL = 30.0, 0.01
APART = 100.0  # times the lower quartile of the features: a rare binary one is 30 below the others
RARE = 0.2  # of the frequency in balanced classes
RECALL = 0.05  # up to this recall a class counts as ignored
UNTAUGHT = 1.05  # times the loss of a constant prediction: not even class frequencies are learned
FEWEST_OF_A_CLASS = 5  # rows needed to judge it


def dead_units(case: Case) -> Iterator[Finding]:
    """Dead units: they output 0 and pass no gradient for every row, so no step changes them."""
    for call in _hidden_activations(case):
        slope, y = _slopes(call), np.abs(per_row(call.went))
        silent = np.all((np.abs(slope) <= NO_SLOPE) & (y <= NO_SLOPE), axis=0)
        dead, units = int(silent.sum()), len(silent)
        if dead >= DEAD_SHARE * units:
            yield Finding(
                "dead units",
                call.where,
                f"{dead} of {units} units output 0 on {case.all_rows}, and pass no gradient back",
                "LeakyReLU() instead, whose gradient is never 0",
            )


def saturated_units(case: Case) -> Iterator[Finding]:
    """Saturated units: at the flat end of their activation for nearly every row."""
    for call in _hidden_activations(case):
        slope = np.abs(_slopes(call))
        x = np.linspace(-6, 6, 121, dtype=call.came.dtype)[:, None]
        steepest = np.abs(passed_back(call.layer, x, np.ones_like(x))).max()
        # a ReLU that outputs 0 is not saturated: many units are active for a few rows, and learn
        at_an_end = (slope < SMALL_SLOPE * steepest) & (np.abs(per_row(call.went)) > NO_SLOPE)
        flat = at_an_end.mean(axis=0) >= SATURATED_ROWS
        saturated, units = int(flat.sum()), len(flat)
        if saturated >= SATURATED_SHARE * units:
            size, features = float(np.median(np.abs(call.came))), call.came.shape[-1]
            yield Finding(
                "saturated units",
                call.where,
                f"{saturated} of {units} units have a slope below {SMALL_SLOPE:.0%} of the "
                f"steepest on {SATURATED_ROWS:.0%} or more of {case.all_rows}; half of the inputs "
                f"are beyond ± {size:.3g}",
                f"BatchNorm({features}) before it, which normalizes the inputs",
            )


def _hidden_activations(case: Case) -> Iterator[LayerCall]:
    """Activations before the last layer with weights; the output activation may saturate.

    An activation is a layer without parameters whose outputs each depend on one input only.
    """
    calls = [call for call in case.predicting if not call.layer.layers]
    last = max((i for i, call in enumerate(calls) if holds_weights(call)), default=0)
    for call in calls[:last]:
        layer, came = call.layer, call.came
        if layer.param_names or layer.state_names or isinstance(came, tuple) or came.ndim < 2:
            continue
        if came.dtype.kind == "f" and np.shape(call.went) == came.shape and _elementwise(call):
            yield call


def _elementwise(call: LayerCall) -> bool:
    """Check that a gradient at one column does not reach the others."""
    every_other = np.zeros(per_row(call.came).shape, call.came.dtype)
    every_other[:, ::2] = 1
    back = passed_back(call.layer, call.came, every_other.reshape(call.came.shape))
    return not per_row(back)[:, 1::2].any()


def _slopes(call: LayerCall) -> Array:
    """Derivative of the activation for each row and unit, (n, units)."""
    return per_row(passed_back(call.layer, call.came, np.ones_like(call.came)))


def vanishing_gradients(case: Case) -> Iterator[Finding]:
    """Vanishing gradients: a layer whose gradient is tiny compared with the last layer's."""
    back = _gradients(case)
    if not back or back[-1][1] == 0:
        return
    (last, size), (first, least) = back[-1], min(back, key=lambda found: found[1])
    if least < VANISHED * size:
        yield Finding(
            "vanishing gradients",
            first,
            f"the gradient per row is {least:.2g} there, {least / size:.1g} times the "
            f"{size:.2g} at {last}",
            'ReLU() between the layers, and initializer="he_normal" in each Linear',
        )


def exploding_gradients(case: Case) -> Iterator[Finding]:
    """Exploding gradients: they grow from layer to layer, or activations do if none is finite."""
    back = _gradients(case)
    if back:
        (last, size), (worst, most) = back[-1], max(back, key=lambda found: found[1])
        what, came = "the gradient per row is", f"at {last}"
    elif case.judge is None:
        return
    else:
        forward = [(c.where, row_norm(c.went)) for c in case.predicting if holds_weights(c)]
        if len(forward) < 2:
            return
        (first, size), (worst, most) = forward[0], max(forward, key=lambda found: found[1])
        what, came = "no gradient is finite; the output per row is", f"of {first}"
    if most > EXPLODED * size > 0:
        yield Finding(
            "exploding gradients",
            worst,
            f"{what} {most:.2g} there, {most / size:.1g} times the {size:.2g} {came}",
            'initializer="he_normal" in each Linear, which keeps the variance from layer to layer',
        )


def _gradients(case: Case) -> list[tuple[str, float]]:
    """Size of the gradient per row at each layer with weights, first to last."""
    back = [call for call in case.learning if call.method == "backward"]
    if not all(finite(call.came) for call in back):
        return []
    return [(call.where, row_norm(call.came)) for call in back if holds_weights(call)][::-1]


def unscaled_inputs(case: Case) -> Iterator[Finding]:
    """Unscaled inputs: features too different in scale for one learning rate."""
    calls = (c for c in case.learning if c.method == "forward" and holds_weights(c))
    call = next(calls, None)
    if call is None or isinstance(call.came, tuple) or call.came.dtype.kind != "f":
        return
    x = per_row(call.came).astype(np.float64)
    size = np.sqrt((x**2).mean(axis=0)) * ~_codes(call)
    varied = np.flatnonzero(size > 0)
    if not len(varied):
        return
    low = float(np.quantile(size[varied], 0.25, method="lower"))
    most, where = float(size.max()), int(size.argmax())
    if SMALL <= most <= LARGE and most <= APART * low:
        return
    least = int(varied[size[varied].argmin()])
    names = case.patient.names if len(case.patient.names) == len(size) else ()
    large, small = (f"column {names[i]!r}" if names else f"feature {i}" for i in (where, least))
    large += "" if names else ", counted from 0,"
    yield Finding(
        "unscaled inputs",
        call.where,
        f"{large} is about {most:.3g} in size, {small} about {size[least]:.3g} (root mean square "
        f"over {case.all_rows})",
        "hg.Standardize.of(x_train) as the first layer",
    )


def _codes(call: LayerCall) -> Array:
    """Features that are codes, not amounts: no gradient reaches them."""
    if not call.layer.integer_input:
        return np.zeros(per_row(call.came).shape[1], bool)
    dy = np.random.default_rng(0).standard_normal(np.shape(call.went)).astype(call.went.dtype)
    back = per_row(passed_back(call.layer, call.came, dy))
    return np.asarray(~back.any(axis=0))


def class_imbalance(case: Case) -> Iterator[Finding]:
    """Class imbalance: a rare class that the net never predicts."""
    judge, p = case.judge, case.p
    if judge is None or case.constant_loss is None:
        return
    guess = _guess(judge.loss, p)
    if guess is None or judge.of(p) > UNTAUGHT * case.constant_loss:
        return
    y, classes = judge.rows.y.reshape(-1), max(2, p.shape[-1])
    counts = np.bincount(y.astype(int), minlength=classes)
    everything = case.all_rows if len(y) == len(p) else f"the {len(y)} targets of {case.all_rows}"
    for c in np.flatnonzero((counts >= FEWEST_OF_A_CLASS) & (counts < RARE * len(y) / classes)):
        correct = int((guess[y == c] == c).sum())
        if correct <= RECALL * counts[c]:
            yield Finding(
                "class imbalance",
                f"class {c}",
                f"{counts[c]} of {everything} are in it, and the net predicts it for {correct} "
                f"of them; its accuracy over all rows is {(guess == y).mean():.1%}",
                'class_weight="balanced" in hg.fit or hg.train',
            )


def _guess(loss: Loss, p: Array) -> Array | None:
    """Predicted class of each row; None if the targets are not one class per row."""
    if loss.target_kind.n_classes(p.shape[-1] if p.ndim > 1 else 1) is None:
        return None
    return loss.target_kind.decide(loss.input_kind.inverse_link(p)).reshape(-1)


def row_norm(x: Array) -> float:
    """Root mean square of the rows' Euclidean norms."""
    wide = per_row(x).astype(np.float64)
    return float(np.sqrt((wide**2).sum(axis=1).mean()))


def holds_weights(call: LayerCall) -> bool:
    """Check for a layer with a weight matrix; a bias or a scale is none."""
    return any(getattr(call.layer, name).ndim > 1 for name in call.layer.param_names)


def passed_back(layer: Layer, x: Array, dy: Array) -> Array:
    """`backward` after `forward`, in prediction mode."""
    with layer.mode(training=False):
        layer.forward(x)
        return np.asarray(layer.backward(dy))


TRIAL_STEPS = 100  # as in find_learning_rate; a training that diverges does so within a few
TRIAL_ROWS = 32  # per step, the default batch size of `train`
LOWERED = (0.1, 0.01, 1e-3, 1e-4)  # factors: if one stays finite, the learning rate is the cause


def not_finite(case: Case) -> Finding | None:
    """First layer, forward or backward, that turns finite numbers into NaN or infinity."""
    for calls in (case.predicting, case.learning):
        forward = [call for call in calls if call.method == "forward"]
        if finding := first_not_finite(forward):
            return finding
    if (judge := case.judge) is None:
        return None
    where, p = f"the loss, {judge.loss!r}", case.p
    scale = "inputs and targets on one scale, hg.Standardize.of(x) as the first layer"
    advice = judge.loss.input_kind.stable or scale
    if not np.isfinite(judge.of(p)):
        zero = judge.loss.input_kind.infinite_loss and p.min() == 0
        what = f"it is {judge.of(p)} over {len(p)} rows, for finite predictions from {p.min():.3g} "
        what += f"to {p.max():.3g}" + (": a true class has probability 0" if zero else "")
        return Finding("not finite", where, what, advice)
    if not finite(next(call.came for call in case.learning if call.method == "backward")):
        what = "its backward is the first to return NaN or infinity; the loss itself is finite"
        return Finding("not finite", where, what, advice)
    return first_not_finite(case.learning)


def first_not_finite(calls: list[LayerCall]) -> Finding | None:
    """First call that turns finite numbers into NaN or infinity."""
    for call in calls:
        name = _not_finite_gradient(call)
        if finite(call.went) and not name:
            continue
        what = f"the gradient d{name}" if name else f"the output of {call.method}"
        came = [np.abs(part).max() for part in parts_of(call.came) if part.size]
        return Finding(
            "not finite",
            call.where,
            f"{what} is the first with NaN or infinity{'' if name else _count(call.went)}; "
            f"the input of {call.method} is finite, up to {max(came, default=0):.3g}",
            f"check {type(call.layer).__name__}.{call.method} for a log, a root or a division "
            "of numbers near 0, or an exp of large ones",
        )
    return None


def _not_finite_gradient(call: LayerCall) -> str:
    """Name of the first parameter whose gradient is not finite after this call; "" without any."""
    if call.method == "forward" or call.layer.layers:
        return ""
    names = (name for name in call.layer.param_names if not finite(getattr(call.layer, f"d{name}")))
    return next(names, "")


def diverging(case: Case) -> list[Finding]:
    """Try some steps of the optimizer on a copy; findings if they diverge, and why."""
    judge, optimizer = case.judge, case.patient.optimizer
    if judge is None or optimizer is None or optimizer.minimizer is not None:
        return []
    last = case.reports[-1].learning_rate if case.reports else 0.0
    rate = last or optimizer.learning_rate
    step, finding = _trial(case, judge, optimizer, rate)
    if finding is None:
        return []
    what = f"in step {step} of a trial on a copy, at learning rate {rate:g}"
    lower = (rate * share for share in LOWERED)
    fits = next((r for r in lower if _trial(case, judge, optimizer, r)[1] is None), None)
    advice = finding.advice if fits is None else f"a learning rate of {fits:g}"
    first = Finding("not finite", finding.where, f"{what}: {finding.evidence}", advice)
    if fits is None:
        return [first]
    evidence = f"{what}, the training diverges; at {fits:g} it stays finite for {TRIAL_STEPS} steps"
    hint = f"{type(optimizer).__name__}({fits:g})"
    return [first, Finding("learning rate too high", "training", evidence, hint)]


def _trial(
    case: Case, judge: Judge, optimizer: Optimizer, rate: float
) -> tuple[int, Finding | None]:
    """Step in which training on the copy diverges, and the finding; None if it does not."""
    case.restore()
    case.net.seed(0)
    config = TrainingConfig(
        net=case.net,
        data=(judge.rows.x, judge.rows.y),
        loss=judge.loss,
        optimizer=copy.deepcopy(optimizer),
        epochs=1,
        batch_size=TRIAL_ROWS,
        penalty=case.patient.penalty,
    )
    engine = EagerEngine(config, judge.rows)
    try:
        with case.net.watch() as calls:
            for step, rows in enumerate(_batches(number_of_rows(case.x)), 1):
                calls.clear()
                results = engine.run_epochs(rows[None], np.full((1, 1), rate))
                if any(isinstance(one, Epoch) and one.diverged_at is not None for one in results):
                    return step, first_not_finite(calls) or _overflow(case.net, judge.loss)
    finally:
        case.restore()
    return TRIAL_STEPS, None


def _batches(n: int) -> list[Array]:
    """Rows of each step of the trial; each row is used once before any is used again."""
    size, rng = min(n, TRIAL_ROWS), np.random.default_rng(0)
    passes = -(-TRIAL_STEPS * size // n)
    order = np.concatenate([rng.permutation(n) for _ in range(passes)])
    return [*order[: TRIAL_STEPS * size].reshape(TRIAL_STEPS, size)]


def _overflow(net: Net, loss: Loss) -> Finding:
    """Finding for weights that a step made infinite, or else for the loss."""
    where, what = f"the loss, {loss!r}", "it is the first with NaN or infinity"
    if finding := not_finite_weights(net):
        where, what = finding.where, "the step itself makes weights infinite"
    return Finding("not finite", where, what, "a smaller learning rate")


def _count(y: Inputs) -> str:
    part = next(part for part in parts_of(y) if part is not None and not np.isfinite(part).all())
    if part.ndim == 0:
        return ""
    bad = np.any(~np.isfinite(per_row(part)), axis=1)
    return f", in {bad.sum()} of {len(bad)} rows, the first in row {np.flatnonzero(bad)[0]}"


# "Constant" is the loss of the best constant prediction.
FEWEST_EPOCHS = 5  # a shorter curve has no shape
UNSTEADY = 0.075  # of constant: mean rise in each late epoch; steady curves have 0.005
UNLEARNT = 0.5  # of constant: below that something was learned
WORSE = 0.1  # of constant, above it
MOSTLY = 0.5  # of the epochs above constant: too many for a slow start
FELL_LITTLE = 0.3  # of the first loss: a good learning rate exceeds it in a few epochs
STILL_FALLING = 0.5  # of the initial slope: a curve that has not begun to bend
STEADY = 0.8  # of the epochs in which the loss fell
EPOCHS_IN_A_STEP = 10  # epochs that a single better step along the gradient must be worth
LATE = 3  # epochs, at least, whose median is taken: a single one may be noise
ROSE = 1.25  # times the lowest validation loss
ROSE_OF_CONSTANT = 0.15  # of constant, or of the first loss: more than noise
SHARES = 10.0 ** np.arange(-4, 1.5, 0.5)  # lengths of a gradient step, relative to the weights
PATIENCE = 30  # epochs since the best one, in a running training that may stop early itself
LEARNED_ON = 0.75  # times the training loss at the lowest validation loss


def rate_too_high(case: Case) -> Iterator[Finding]:
    """Learning rate too high: the training loss oscillates, or exceeds a constant prediction's.

    It must oscillate in the late half, or anywhere if it was mostly above a constant prediction's:
    such a training may be steady in its last epochs by chance.
    """
    losses = np.array([report.train_loss for report in case.reports])
    if len(losses) < 2:
        return
    level = losses[0] if case.constant_loss is None else case.constant_loss
    start, late = max(level, losses[0]), losses[len(losses) // 2 :]
    up, up_at_all = (
        _rise(part) if len(losses) >= FEWEST_EPOCHS else 0.0 for part in (late, losses)
    )
    worse = int((losses > level + WORSE * abs(level)).sum())
    if losses[-1] > start + WORSE * abs(start):
        what = f"in {len(losses)} epochs the training loss rose from {losses[0]:.3g} to "
        what += f"{losses[-1]:.3g}"
    elif up > UNSTEADY * abs(level):
        what = f"in the last {len(late)} epochs the training loss rose by {up:.3g} per epoch on "
        what += f"average, between {late.min():.3g} and {late.max():.3g}"
    elif worse >= max(FEWEST_EPOCHS, MOSTLY * len(losses)) and up_at_all > UNSTEADY * abs(level):
        what = f"in {worse} of {len(losses)} epochs the training loss was above that of a constant "
        what += f"prediction, {level:.3g}, and rose by {up_at_all:.3g} per epoch on average"
    else:
        return
    rate = _highest_rate(case)
    advice = (
        f"a learning rate of {rate / 10:g}, a tenth" if rate else "a tenth of the learning rate"
    )
    yield Finding("learning rate too high", "training", what, advice)


def _highest_rate(case: Case) -> float:
    """The highest learning rate of an epoch; 0 if the reports, as of perceptrons, have none."""
    return max(report.learning_rate for report in case.reports)


def _rise(losses: Array) -> float:
    """Mean rise of a curve per epoch; a fall counts as 0."""
    return float(np.maximum(np.diff(losses), 0).mean())


def rate_too_low(case: Case) -> Iterator[Finding]:
    """Learning rate too low: the loss has hardly fallen, and one longer step would lower it."""
    losses = np.array([report.train_loss for report in case.reports])
    if len(losses) < FEWEST_EPOCHS or case.judge is None:
        return
    fell = float(losses[0] - losses[-1])
    level = case.constant_loss if case.constant_loss is not None else losses[0]
    if fell > FELL_LITTLE * abs(losses[0]) or losses[-1] < UNLEARNT * level or _bends(losses):
        return
    step, lowest = _best_step(case, case.judge)
    now = case.judge.of(case.p) + case.penalty_of_weights()
    a_fall = max(fell, 0.0) / (len(losses) - 1)
    if now - lowest < max(EPOCHS_IN_A_STEP * a_fall, 0.02 * abs(now)):
        return
    rate = _highest_rate(case)
    at = f" at learning rate {rate:g}" if rate else ""
    yield Finding(
        "learning rate too low",
        "training",
        f"in {len(losses)} epochs{at} the training loss fell from "
        f"{losses[0]:.4g} to {losses[-1]:.4g}; one step of {step:.2g} along the gradient lowers it "
        f"from {now:.4g} to {lowest:.4g}",
        "the rate that hg.training.find_learning_rate(…) suggests",
    )


def _bends(losses: Array) -> bool:
    """Check whether a falling curve flattens, as near the end of a training."""
    steps = np.diff(losses)
    third = max(1, len(steps) // 3)
    early, late = -steps[:third].mean(), -steps[-third:].mean()
    falls = (steps < 0).mean() >= STEADY
    flat_throughout = abs(losses[0] - losses[-1]) < 0.01 * abs(losses[0])
    return not flat_throughout and not (falls and late >= STILL_FALLING * early)


def _best_step(case: Case, judge: Judge) -> tuple[float, float]:
    """Length of the best of some steps along the gradient of all rows, and the loss after it."""
    if not all(finite(call.went) for call in case.learning):
        return 0.0, np.inf
    start, slope = case.net.parameters.copy(), case.slope
    if not slope.any():
        return 0.0, np.inf
    longest = float(np.linalg.norm(start)) / float(np.linalg.norm(slope))
    losses = []
    for step in longest * SHARES:
        case.net.parameters[...] = start - step * slope
        with case.net.mode(training=False):
            loss = judge.of(case.net.forward(case.x)) + case.penalty_of_weights()
            losses.append((loss, float(step)))
    case.restore()
    lowest, step = min((pair for pair in losses if np.isfinite(pair[0])), default=(np.inf, 0.0))
    return step, lowest


def over_fitting(case: Case, since: int = 1) -> Iterator[Finding]:
    """Over-fitting: the validation loss rose for `since` epochs while the training loss fell.

    A net with the weights of its best epoch is not reported.
    """
    reports = [report for report in case.reports if report.validation_loss is not None]
    if len(reports) < FEWEST_EPOCHS:
        return
    held = np.array([report.validation_loss for report in reports], float)
    best = int(held.argmin())
    now = float(np.median(held[-max(LATE, len(held) // 10) :]))
    level = held[0] if case.constant_loss is None else case.constant_loss
    then, trained = reports[best].train_loss, reports[-1].train_loss
    least = max(ROSE * held[best], held[best] + ROSE_OF_CONSTANT * level)
    if not least < now < np.inf or not trained < LEARNED_ON * then:
        return
    if len(held) - 1 - best < since or case.held_loss() < ROSE * held[best]:
        return
    yield Finding(
        "over-fitting",
        "training",
        f"the validation loss was lowest in epoch {reports[best].epoch}, {held[best]:.3g}, and is "
        f"{now:.3g} now; meanwhile the training loss fell from {then:.3g} to {trained:.3g}",
        "early_stopping=10 in hg.fit, which restores the weights of the best epoch",
    )
