"""Checks of what passes through layers: unscaled inputs, idle units, gradients, lost classes."""

from collections.abc import Iterator

import numpy as np

from handgrad.check.doctor.findings import Finding
from handgrad.check.doctor.input_checks import finite, per_row
from handgrad.check.doctor.patient import Case
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import LayerCall

# "You may find that as much as 40 % of your network can be dead": Karpathy, CS231n, on ReLU.
# Some dead units do no harm; a layer that has lost this share of them does.
DEAD_SHARE = 0.4
NO_SLOPE = 1e-6  # and nothing given: beside other units' it is lost in the rounding of float32
SMALL_SLOPE = 0.05  # of the steepest: tanh beyond ± 2.2, sigmoid beyond ± 4.4
SATURATED_ROWS = 0.95  # a unit that separates clear classes is flat for many rows, not for all
SATURATED_SHARE = 0.5  # of the units: most of the layer passes next to nothing back
# Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
# 2010, ask for gradients of one size through all layers. In nets that learn well they differ by
# up to some ten times; a thousand times means that no learning rate fits all layers.
VANISHED = 1e-3
EXPLODED = 1e3
# LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.3, ask for mean 0 and standard
# deviation 1; nets learn well within some ten times of it, as from pixels of 0 to 16.
LARGE, SMALL = 30.0, 0.01
APART = 100.0  # times the feature at the lower quartile: a rare yes-or-no is 30 below the others
RARE = 0.2  # of the share a class would have if all were even
RECALL = 0.05  # of its rows, at most, that a class is found in and still counts as ignored
UNTAUGHT = 1.05  # times the loss of a constant answer: not even how frequent classes are is learned
FEWEST_OF_A_CLASS = 5  # rows, to say anything of it


def dead_units(case: Case) -> Iterator[Finding]:
    """Units that give 0, and pass nothing back, for every row: no step will wake them."""
    for call in _hidden_activations(case):
        slope, y = _slopes(call), np.abs(per_row(call.went))
        silent = np.all((np.abs(slope) <= NO_SLOPE) & (y <= NO_SLOPE), axis=0)
        dead, units = int(silent.sum()), len(silent)
        if dead >= DEAD_SHARE * units:
            yield Finding(
                "dead units",
                call.where,
                f"{dead} of {units} units give 0 on {case.all_rows}, and pass no gradient back",
                "LeakyReLU() in its place: it lets a little through, so that no unit is lost",
            )


def saturated_units(case: Case) -> Iterator[Finding]:
    """Units at the flat end of their curve for nearly every row: they hardly learn."""
    for call in _hidden_activations(case):
        slope = np.abs(_slopes(call))
        x = np.linspace(-6, 6, 121, dtype=call.came.dtype)[:, None]
        steepest = np.abs(passed_back(call.layer, x, np.ones_like(x))).max()
        # a ReLU that gives 0 is at rest: many units speak for a few rows only, and learn from those
        at_an_end = (slope < SMALL_SLOPE * steepest) & (np.abs(per_row(call.went)) > NO_SLOPE)
        flat = at_an_end.mean(axis=0) >= SATURATED_ROWS
        saturated, units = int(flat.sum()), len(flat)
        if saturated >= SATURATED_SHARE * units:
            size, features = float(np.median(np.abs(call.came))), call.came.shape[-1]
            yield Finding(
                "saturated units",
                call.where,
                f"{saturated} of {units} units have a slope below {SMALL_SLOPE:.0%} of the "
                f"steepest on {SATURATED_ROWS:.0%} or more of {case.all_rows}; half of what comes "
                f"in is beyond ± {size:.3g}",
                f"BatchNorm({features}) before it, which puts what comes in on one scale",
            )


def _hidden_activations(case: Case) -> Iterator[LayerCall]:
    """Each activation that layers with weights come after: one at the end may be as sure as can be.

    An activation is known by what it does: it has no parameters, and each number that it gives
    depends on the one in its place alone.
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
    """Whether what comes back at one column leaves the others alone."""
    every_other = np.zeros(per_row(call.came).shape, call.came.dtype)
    every_other[:, ::2] = 1
    back = passed_back(call.layer, call.came, every_other.reshape(call.came.shape))
    return not per_row(back)[:, 1::2].any()


def _slopes(call: LayerCall) -> Array:
    """(n, units): how much of each unit's gradient the activation passes back."""
    return per_row(passed_back(call.layer, call.came, np.ones_like(call.came)))


def vanishing_gradients(case: Case) -> Iterator[Finding]:
    """A layer that what comes back from the loss hardly reaches."""
    back = _gradients(case)
    if not back or back[-1][1] == 0:
        return
    (last, size), (first, least) = back[-1], min(back, key=lambda found: found[1])
    if least < VANISHED * size:
        yield Finding(
            "vanishing gradients",
            first,
            f"the gradient is {least:.2g} for each row there, {least / size:.1g} times the "
            f"{size:.2g} at {last}",
            'ReLU() between the layers, and initializer="he_normal" in each Linear',
        )


def exploding_gradients(case: Case) -> Iterator[Finding]:
    """Numbers that grow from layer to layer, backward, or forward where no gradient is finite."""
    back = _gradients(case)
    if back:
        (last, size), (worst, most) = back[-1], max(back, key=lambda found: found[1])
        what, came = "the gradient is", f"at {last}"
    elif case.judge is None:
        return
    else:
        forward = [(c.where, row_norm(c.went)) for c in case.predicting if holds_weights(c)]
        if len(forward) < 2:
            return
        (first, size), (worst, most) = forward[0], max(forward, key=lambda found: found[1])
        what, came = "no gradient is finite; what goes forward is", f"out of {first}"
    if most > EXPLODED * size > 0:
        yield Finding(
            "exploding gradients",
            worst,
            f"{what} {most:.2g} for each row there, {most / size:.1g} times the {size:.2g} {came}",
            'initializer="he_normal" in each Linear: weights that keep the size of the numbers',
        )


def _gradients(case: Case) -> list[tuple[str, float]]:
    """For each layer with weights, first to last, how large what comes back to it is by row."""
    back = [call for call in case.learning if call.method == "backward"]
    if not all(finite(call.came) for call in back):
        return []
    return [(call.where, row_norm(call.came)) for call in back if holds_weights(call)][::-1]


def unscaled_inputs(case: Case) -> Iterator[Finding]:
    """Features on scales that the first layer with weights cannot learn from at one rate."""
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
    """Which features stand for something and are no amounts: to them no slope comes back."""
    if not call.layer.integer_input:
        return np.zeros(per_row(call.came).shape[1], bool)
    dy = np.random.default_rng(0).standard_normal(np.shape(call.went)).astype(call.went.dtype)
    back = per_row(passed_back(call.layer, call.came, dy))
    return np.asarray(~back.any(axis=0))


def class_imbalance(case: Case) -> Iterator[Finding]:
    """A rare class that the net has learned to leave out, as its rows weigh so little."""
    judge, p = case.judge, case.p
    if judge is None or case.constant_loss is None:
        return
    guess = _guess(judge.loss, p)
    if guess is None or judge.of(p) > UNTAUGHT * case.constant_loss:
        return
    y, classes = judge.rows.y.reshape(-1), max(2, p.shape[-1])
    counts = np.bincount(y.astype(int), minlength=classes)
    everything = case.all_rows if len(y) == len(p) else f"the {len(y)} answers of {case.all_rows}"
    for c in np.flatnonzero((counts >= FEWEST_OF_A_CLASS) & (counts < RARE * len(y) / classes)):
        found = int((guess[y == c] == c).sum())
        if found <= RECALL * counts[c]:
            yield Finding(
                "class imbalance",
                f"class {c}",
                f"{counts[c]} of {everything} are of it, and the net answers it for {found} "
                f"of them; for all rows it is right in {(guess == y).mean():.1%}",
                'class_weight="balanced" in hg.fit or hg.train',
            )


def _guess(loss: Loss, p: Array) -> Array | None:
    """The class answered for each row; None where the targets are not one class a row."""
    if loss.target_kind.n_classes(p.shape[-1] if p.ndim > 1 else 1) is None:
        return None
    return loss.target_kind.decide(loss.input_kind.inverse_link(p)).reshape(-1)


def row_norm(x: Array) -> float:
    """The root mean square, over the rows, of how long each row is."""
    wide = per_row(x).astype(np.float64)
    return float(np.sqrt((wide**2).sum(axis=1).mean()))


def holds_weights(call: LayerCall) -> bool:
    """Whether the layer has a matrix of weights: a bias or a scale alone is none."""
    return any(getattr(call.layer, name).ndim > 1 for name in call.layer.param_names)


def passed_back(layer: Layer, x: Array, dy: Array) -> Array:
    """`backward` after `forward`, in prediction mode."""
    with layer.mode(training=False):
        layer.forward(x)
        return np.asarray(layer.backward(dy))
