"""Compares every gradient written by hand with one measured by small steps."""

import numpy as np
import numpy.typing as npt

from handgrad.check.gradient_report import Comparison, GradientReport
from handgrad.check.subjects import AFTER, Subject, subjects
from handgrad.textbook.errors import HandgradError, SettingError, described, positive
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.losses import Loss
from handgrad.textbook.net.minibatches import number_of_rows


def check_gradients(
    page: Layer | Loss,
    loss: Loss | None = None,
    *,
    x: npt.ArrayLike | None = None,
    y: npt.ArrayLike | None = None,
    training: bool = True,
    entries: int = 100,
    rng: int = 0,
) -> GradientReport:
    """Check `backward` of a layer, a net (with a `loss`, if given) or a loss against `forward`.

    The output is weighted with random numbers, one an entry, and each entry of the input and
    of the parameters (at most `entries` of each array, drawn by `rng`) is moved a small step
    both ways. It is done in float64 on a copy, whatever the page's own type; where a page
    computes in float32 regardless, steps and tolerance are widened. The copy's parameters and
    running state are drawn near the page's own, since a term or factor that is missing does not
    show where a parameter is 0 or 1; where the output would not be finite there, they stay as
    they are. Close to a kink the step is made smaller; exactly on one, any slope between both
    sides is right. A layer is checked alone and between two others, with a mask too, if it takes
    one; a loss with weighted rows too, if it takes weights. `x` and `y` are example rows where the
    page needs special ones; of a net, targets at places of padding count nothing, as in training.

    >>> import handgrad as hg
    >>> print(check_gradients(hg.Tanh()))
    Tanh(): all gradients are right
     alone
      ok    dx (20 entries)
     between two other layers
      ok    dx (20 entries)
      ok    ds of the layer before (4 entries)
     looked at x from -2.33 to 1.3, drawn
    """
    positive("entries", entries, whole=True)
    if not isinstance(page, Layer | Loss):
        raise SettingError(
            described(page),
            "a layer, a net or a loss",
            "hg.check_gradients(hg.Linear(3, 2)), the object with its brackets",
        )
    if not isinstance(loss, Loss | None):
        raise SettingError(
            f"as loss {described(loss)}",
            "a loss, or None",
            "hg.check_gradients(page, x=x), for rows to look at",
        )
    comparisons: list[Comparison] = []
    problems: list[str] = []
    made, looked_at = subjects(page, loss, x, y, training, rng)
    for setting, subject in made.items():
        try:
            found, faults = _compare(setting, subject(), entries, rng)
        except HandgradError as error:
            found, faults = [], [f"{setting}: {error}"]
        comparisons += found
        problems += faults
        if problems:  # elsewhere it would be said again, in words about the layers around
            break
    title = repr(page) + (f" with {loss!r}" if loss else "")
    return GradientReport(title, comparisons, problems, looked_at)


def _compare(
    setting: str, subject: Subject, entries: int, seed: int
) -> tuple[list[Comparison], list[str]]:
    hand, faults = subject.gradients()
    rng = np.random.default_rng(seed)
    found = []
    for name, array in subject.arrays().items():
        if name == AFTER:
            continue
        by_hand = hand.get(name)
        if by_hand is None or by_hand.shape != array.shape:
            came = "nothing" if by_hand is None else f"shape {by_hand.shape}"
            faults.append(f"{setting}: {name} is {came}, and should have {array.shape}")
            continue
        chosen = np.sort(rng.permutation(array.size)[:entries])
        indices = [tuple(map(int, np.unravel_index(i, array.shape))) for i in chosen]
        slopes = [_compare_entry(subject, float(by_hand[i]), array, i) for i in indices]
        measured, agrees, at_kink = np.array(slopes, float).reshape(-1, 3).T
        square = array.ndim == 2 and array.shape == array.T.shape and len(chosen) == array.size
        comparison = Comparison(
            setting,
            name,
            by_hand.ravel()[chosen],
            measured,
            indices,
            agrees == 0,
            int(at_kink.sum()),
            number_of_rows(subject.x),
            square and np.allclose(by_hand.T.ravel(), measured, rtol=1e-4, atol=1e-8),
        )
        found.append(comparison)
    return found, faults


def _compare_entry(
    subject: Subject, by_hand: float, array: Array, index: tuple[int, ...]
) -> tuple[float, bool, bool]:
    """The measured slope at one entry, whether it agrees, and whether there is a kink.

    The step begins where truncation and rounding errors are alike (the cube root of the
    precision) and shrinks as long as the slopes to both sides differ: a kink may lie between.
    """
    tolerance = 1e-6 if subject.precision < 1e-10 else 1e-2
    noise = subject.precision * max(1.0, abs(subject.value()))
    for shrink in (1.0, 1e-1, 1e-2, 1e-3):
        step = subject.precision ** (1 / 3) * shrink * max(1.0, abs(float(array[index])))
        left, right = _slopes(subject, array, index, step)
        central = (left + right) / 2
        allowed = tolerance * max(abs(by_hand), abs(central)) + 20 * noise / step
        if abs(by_hand - central) <= allowed:
            return central, True, False
        if abs(left - right) <= allowed:
            return central, False, False
    between = min(left, right) - allowed <= by_hand <= max(left, right) + allowed
    return (by_hand, True, True) if between else (central, False, False)


def _slopes(
    subject: Subject, array: Array, index: tuple[int, ...], step: float
) -> tuple[float, float]:
    """The slope to the left and to the right of where the entry stands."""
    start, here = float(array[index]), subject.value()
    try:
        array[index] = start + step
        up, wide = subject.value(), float(array[index]) - start
        array[index] = start - step
        down, narrow = subject.value(), start - float(array[index])
    finally:
        array[index] = start
    return (here - down) / narrow, (up - here) / wide
