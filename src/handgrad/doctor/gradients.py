"""Gradients that grow or shrink from layer to layer on their way back."""

from collections.abc import Iterator

from handgrad.doctor.calls import finite, holds_weights, row_norm
from handgrad.doctor.case import Case
from handgrad.doctor.findings import Finding
from handgrad.net import LayerCall

# Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
# 2010, ask for gradients of one size through all layers. In nets that learn well they differ by
# up to some ten times; a thousand times means that no learning rate fits all layers.
VANISHED = 1e-3
EXPLODED = 1e3


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
        forward = [(call.where, row_norm(call.went)) for call in _with_weights(case.predicting)]
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
    return [(call.where, row_norm(call.came)) for call in _with_weights(back)][::-1]


def _with_weights(calls: list[LayerCall]) -> list[LayerCall]:
    return [call for call in calls if holds_weights(call)]
