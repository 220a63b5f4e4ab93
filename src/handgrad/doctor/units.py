"""Units that do nothing: dead ones, and ones whose slope is all but gone."""

from collections.abc import Iterator

import numpy as np

from handgrad.doctor.calls import holds_weights, passed_back, per_row
from handgrad.doctor.case import Case
from handgrad.doctor.findings import Finding
from handgrad.layers import Array, Layer
from handgrad.net import LayerCall

# "You may find that as much as 40 % of your network can be dead": Karpathy, CS231n, on ReLU.
# Some dead units do no harm; a layer that has lost this share of them does.
DEAD_SHARE = 0.4
NO_SLOPE = 1e-6  # and nothing given: beside other units' it is lost in the rounding of float32
SMALL_SLOPE = 0.05  # of the steepest: tanh beyond ± 2.2, sigmoid beyond ± 4.4
SATURATED_ROWS = 0.95  # a unit that separates clear classes is flat for many rows, not for all
SATURATED_SHARE = 0.5  # of the units: most of the layer passes next to nothing back


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
        steepest = _steepest(call.layer, call.came.dtype)
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


def _steepest(layer: Layer, dtype: np.dtype[np.floating]) -> float:
    """The largest slope between −6 and 6."""
    x = np.linspace(-6, 6, 121, dtype=dtype)[:, None]
    return float(np.abs(passed_back(layer, x, np.ones_like(x))).max())
