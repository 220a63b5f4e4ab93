"""The first number that is not finite, and the layer it came from."""

import copy

import numpy as np

from handgrad.check.doctor.findings import Finding
from handgrad.check.doctor.input_checks import finite, not_finite_weights, parts_of, per_row
from handgrad.check.doctor.patient import Case, Judge
from handgrad.engines.config import TrainingConfig
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import Epoch
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import LayerCall, Net
from handgrad.textbook.net.minibatches import Inputs, number_of_rows
from handgrad.textbook.optimizers import Optimizer

TRIAL_STEPS = 100  # as many as find_learning_rate takes; what blows up does so within a few
TRIAL_ROWS = 32  # a step, as in `train` if nothing else is asked for
LOWERED = (0.1, 0.01, 1e-3, 1e-4)  # of the learning rate: if one is finite, the rate was the cause


def not_finite(case: Case) -> Finding | None:
    """The first layer, forward or backward, that makes NaN or infinity of finite numbers."""
    for calls in (case.predicting, case.learning):
        forward = [call for call in calls if call.method == "forward"]
        if found := first_not_finite(forward):
            return found
    if (judge := case.judge) is None:
        return None
    where, p = f"the loss, {judge.loss!r}", case.p
    scale = "inputs and targets on one scale, hg.Standardize.of(x) as the first layer"
    advice = judge.loss.input_kind.stable or scale
    if not np.isfinite(judge.of(p)):
        zero = judge.loss.input_kind.infinite_loss and p.min() == 0
        what = f"it is {judge.of(p)} over {len(p)} rows, of finite predictions from {p.min():.3g} "
        what += f"to {p.max():.3g}" + (": what is true was given the probability 0" if zero else "")
        return Finding("not finite", where, what, advice)
    if not finite(next(call.came for call in case.learning if call.method == "backward")):
        what = "its backward is the first to give NaN or infinity; the loss itself is finite"
        return Finding("not finite", where, what, advice)
    return first_not_finite(case.learning)


def first_not_finite(calls: list[LayerCall]) -> Finding | None:
    """The first call that made NaN or infinity of finite numbers."""
    for call in calls:
        name = _not_finite_gradient(call)
        if finite(call.went) and not name:
            continue
        what = f"the gradient d{name}" if name else f"what {call.method} gave"
        came = [np.abs(part).max() for part in parts_of(call.came) if part.size]
        return Finding(
            "not finite",
            call.where,
            f"{what} is the first to hold NaN or infinity{'' if name else _count(call.went)}; "
            f"what {call.method} was given was finite, up to {max(came, default=0):.3g}",
            f"look at {type(call.layer).__name__}.{call.method}: a log, a root or a division "
            "of numbers near 0, an exp of large ones",
        )
    return None


def _not_finite_gradient(call: LayerCall) -> str:
    """The parameter whose gradient this call of backward left not finite, if any."""
    if call.method == "forward" or call.layer.layers:
        return ""
    names = (name for name in call.layer.param_names if not finite(getattr(call.layer, f"d{name}")))
    return next(names, "")


def diverging(case: Case) -> list[Finding]:
    """Whether some steps of the optimizer, on the copy, leave the finite numbers, and why."""
    judge, optimizer = case.judge, case.patient.optimizer
    if judge is None or optimizer is None or optimizer.minimizer is not None:
        return []
    last = case.reports[-1].learning_rate if case.reports else 0.0
    rate = last or optimizer.learning_rate
    step, found = _trial(case, judge, optimizer, rate)
    if found is None:
        return []
    what = f"in step {step} of a trial on a copy, at learning rate {rate:g}"
    lower = (rate * share for share in LOWERED)
    fits = next((r for r in lower if _trial(case, judge, optimizer, r)[1] is None), None)
    advice = found.advice if fits is None else f"a learning rate of {fits:g}"
    first = Finding("not finite", found.where, f"{what}: {found.evidence}", advice)
    if fits is None:
        return [first]
    evidence = f"{what}, the numbers stop being finite; at {fits:g} {TRIAL_STEPS} steps stay so"
    hint = f"{type(optimizer).__name__}({fits:g})"
    return [first, Finding("learning rate too high", "training", evidence, hint)]


def _trial(
    case: Case, judge: Judge, optimizer: Optimizer, rate: float
) -> tuple[int, Finding | None]:
    """The step in which training on the copy left the finite numbers, and where; or none."""
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
                found = engine.run_epochs(rows[None], np.full((1, 1), rate))
                if any(isinstance(one, Epoch) and one.diverged_at is not None for one in found):
                    return step, first_not_finite(calls) or _overflow(case.net, judge.loss)
    finally:
        case.restore()
    return TRIAL_STEPS, None


def _batches(n: int) -> list[Array]:
    """The rows of each step of the trial, all of them once before any comes again."""
    size, rng = min(n, TRIAL_ROWS), np.random.default_rng(0)
    passes = -(-TRIAL_STEPS * size // n)
    order = np.concatenate([rng.permutation(n) for _ in range(passes)])
    return [*order[: TRIAL_STEPS * size].reshape(TRIAL_STEPS, size)]


def _overflow(net: Net, loss: Loss) -> Finding:
    """The weights that a step made too large, or the loss that no layer is to blame for."""
    where, what = f"the loss, {loss!r}", "it is the first to hold NaN or infinity"
    if found := not_finite_weights(net):
        where, what = found.where, "the step itself makes weights infinite"
    return Finding("not finite", where, what, "a smaller learning rate")


def _count(y: Inputs) -> str:
    part = next(part for part in parts_of(y) if part is not None and not np.isfinite(part).all())
    if part.ndim == 0:
        return ""
    bad = np.any(~np.isfinite(per_row(part)), axis=1)
    return f", in {bad.sum()} of {len(bad)} rows, the first in row {np.flatnonzero(bad)[0]}"
