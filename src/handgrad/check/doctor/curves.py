"""Checks of the loss curves: a learning rate that does not fit, and over-fitting."""

from collections.abc import Iterator

import numpy as np

from handgrad.check.doctor.findings import Finding
from handgrad.check.doctor.input_checks import finite
from handgrad.check.doctor.patient import Case, Judge
from handgrad.textbook.layers import Array

FEWEST_EPOCHS = 5  # before that a curve has no shape
UNSTEADY = 0.075  # of the loss of a constant answer, up again in each late epoch: steady ones 0.005
UNLEARNT = 0.5  # of the loss of a constant answer: below that something was learned
WORSE = 0.1  # of the loss of a constant answer, above it
MOSTLY = 0.5  # of the epochs: worse than a constant answer for so long is no mere beginning
FELL_LITTLE = 0.3  # of the first loss: what a rate that fits exceeds in a few epochs
STILL_FALLING = 0.5  # of the slope at the beginning: a curve that has not begun to bend
STEADY = 0.8  # of the epochs in which the loss fell
EPOCHS_IN_A_STEP = 10  # that a single better step along the gradient would be worth
LATE = 3  # epochs, at least, of which the middle one is taken: one alone may be noise
ROSE = 1.25  # times its lowest: the validation loss
ROSE_OF_CONSTANT = 0.15  # of the loss of a constant answer, or of the first: no mere noise
SHARES = 10.0 ** np.arange(-4, 1.5, 0.5)  # of the weights: how far a step along the gradient goes
PATIENCE = 30  # epochs since the best, in a training that goes on and may be stopped early itself
LEARNED_ON = 0.75  # times what it was at the lowest validation loss: the training loss


def rate_too_high(case: Case) -> Iterator[Finding]:
    """A training loss that goes up and down, or has risen above that of a constant answer.

    Up and down: in the late half; or anywhere, where it was mostly above a constant answer's. Such
    a training may calm down for its last epochs, which is chance.
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
        what = f"in the last {len(late)} epochs the training loss went up again by {up:.3g} in "
        what += f"each, on average, between {late.min():.3g} and {late.max():.3g}"
    elif worse >= max(FEWEST_EPOCHS, MOSTLY * len(losses)) and up_at_all > UNSTEADY * abs(level):
        what = f"in {worse} of {len(losses)} epochs the training loss was above that of a constant "
        what += f"answer, {level:.3g}, and went up by {up_at_all:.3g} in each epoch, on average"
    else:
        return
    rate = max(report.learning_rate for report in case.reports)
    yield Finding(
        "learning rate too high",
        "training",
        what,
        f"a learning rate of {rate / 10:g}, a tenth",
    )


def _rise(losses: Array) -> float:
    """How far a curve goes up in an epoch, on average; a fall counts as 0."""
    return float(np.maximum(np.diff(losses), 0).mean())


def rate_too_low(case: Case) -> Iterator[Finding]:
    """A training loss that has hardly fallen, where a longer step would take it down at once."""
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
    rate = max(report.learning_rate for report in case.reports)
    yield Finding(
        "learning rate too low",
        "training",
        f"in {len(losses)} epochs at learning rate {rate:g} the training loss fell from "
        f"{losses[0]:.4g} to {losses[-1]:.4g}; one step of {step:.2g} along the gradient takes it "
        f"from {now:.4g} to {lowest:.4g}",
        "the rate that hg.training.find_learning_rate(…) suggests",
    )


def _bends(losses: Array) -> bool:
    """Whether a falling curve becomes flat, as one does that is near its end."""
    steps = np.diff(losses)
    third = max(1, len(steps) // 3)
    early, late = -steps[:third].mean(), -steps[-third:].mean()
    falls = (steps < 0).mean() >= STEADY
    flat_throughout = abs(losses[0] - losses[-1]) < 0.01 * abs(losses[0])
    return not flat_throughout and not (falls and late >= STILL_FALLING * early)


def _best_step(case: Case, judge: Judge) -> tuple[float, float]:
    """How far along the gradient of all rows the loss is lowest, of some steps, and what it is."""
    if not all(finite(call.went) for call in case.learning):
        return 0.0, np.inf
    start, slope = case.net.parameters.copy(), case.slope
    if not slope.any():
        return 0.0, np.inf
    longest = float(np.linalg.norm(start)) / float(np.linalg.norm(slope))
    found = []
    for step in longest * SHARES:
        case.net.parameters[...] = start - step * slope
        with case.net.mode(training=False):
            loss = judge.of(case.net.forward(case.x)) + case.penalty_of_weights()
            found.append((loss, float(step)))
    case.restore()
    lowest, step = min((pair for pair in found if np.isfinite(pair[0])), default=(np.inf, 0.0))
    return step, lowest


def over_fitting(case: Case, since: int = 1) -> Iterator[Finding]:
    """A validation loss that has risen for `since` epochs, while the training loss fell on.

    Where the net has the weights of the best epoch again, all is well.
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
        "early_stopping=10 in hg.fit, which ends with the weights of the best epoch",
    )
