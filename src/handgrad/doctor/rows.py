"""Checks of the rows: their scale, and a class that is left out."""

from collections.abc import Iterator

import numpy as np

from handgrad.doctor.calls import holds_weights, passed_back, per_row
from handgrad.doctor.case import Case
from handgrad.doctor.findings import Finding
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.net import LayerCall

# LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.3, ask for mean 0 and standard
# deviation 1; nets learn well within some ten times of it, as from pixels of 0 to 16.
LARGE, SMALL = 30.0, 0.01
APART = 100.0  # times the feature at the lower quartile: a rare yes-or-no is 30 below the others
RARE = 0.2  # of the share a class would have if all were even
RECALL = 0.05  # of its rows, at most, that a class is found in and still counts as ignored
UNTAUGHT = 1.05  # times the loss of a constant answer: not even how frequent classes are is learned
FEWEST_OF_A_CLASS = 5  # rows, to say anything of it


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
